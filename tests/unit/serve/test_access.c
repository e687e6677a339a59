/* Who may ask, decided by header fields alone. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* clang-format off */
#include <setjmp.h> /* cmocka.h needs these before it */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "serve/access.h"

static struct access *make(const char *bind_address, const char *allow_hosts) {
    struct access *access = NULL;
    char why[256];
    assert_int_equal(access_new(bind_address, allow_hosts, /* token_file= */ NULL, &access, why, sizeof(why)), 0);
    return access;
}

static const struct sockaddr_in local_v4 = {.sin_family = AF_INET, .sin_addr.s_addr = 0x0500000a}; /* 10.0.0.5 */

static bool knows(const struct access *access, const char *host) {
    return access_knows_host(access, host, (const struct sockaddr *)&local_v4);
}

static void names_of_this_machine_pass_with_any_port(void **unused) {
    (void)unused;
    static const char *const hosts[] = {"localhost",
                                        "localhost:6060",
                                        "LocalHost:1",
                                        "localhost.",
                                        "127.0.0.1",
                                        "127.0.0.1:99",
                                        "127.8.9.10",
                                        "[::1]",
                                        "[::1]:6060",
                                        "[0:0:0:0:0:0:0:1]",
                                        "[::ffff:127.0.0.1]",
                                        "10.0.0.5:6060",
                                        "[::ffff:10.0.0.5]",
                                        "example.lan:80",
                                        "EXAMPLE.LAN",
                                        "one",
                                        "two:7"};
    struct access *access = make("example.lan", "one,two");
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++)
        if (!knows(access, hosts[i]))
            fail_msg("%s was refused", hosts[i]);
    access_free(access);
}

static void all_other_names_are_refused(void **unused) {
    (void)unused;
    static const char *const hosts[] = {"",
                                        ":6060",
                                        "evil.example",
                                        "evil.example:6060",
                                        "localhost.evil.example",
                                        "evil.localhost",
                                        "localhost:6060.evil.example",
                                        "localhost:60:60",
                                        "localhost..",
                                        "localhos",
                                        "localhost\t",
                                        "127.0.0.1.evil.example",
                                        "127.1",
                                        "0x7f000001",
                                        "2130706433",
                                        "10.0.0.6",
                                        "[::2]",
                                        "[::1",
                                        "[::1]x",
                                        "[localhost].evil",
                                        "on",
                                        "one,two",
                                        "one.",
                                        "user@localhost"};
    struct access *access = make("0.0.0.0", "on.e,,two");
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++)
        if (knows(access, hosts[i]))
            fail_msg("%s passed", hosts[i]);
    char length[512];
    memset(length, 'a', sizeof(length) - 1);
    length[sizeof(length) - 1] = '\0';
    assert_false(knows(access, length));
    access_free(access);
}

static void the_address_that_was_connected_to_passes_in_both_families(void **unused) {
    (void)unused;
    struct sockaddr_in6 local = {.sin6_family = AF_INET6};
    inet_pton(AF_INET6, "2001:db8::1", &local.sin6_addr);
    struct access *access = make("::", NULL);
    assert_true(access_knows_host(access, "[2001:DB8::1]:6060", (const struct sockaddr *)&local));
    assert_false(access_knows_host(access, "[2001:db8::2]:6060", (const struct sockaddr *)&local));
    assert_false(access_knows_host(access, "[2001:db8::1]:6060", NULL));
    inet_pton(AF_INET6, "::ffff:192.0.2.7", &local.sin6_addr);
    assert_true(access_knows_host(access, "192.0.2.7", (const struct sockaddr *)&local));
    access_free(access);
}

static void any_host_passes_on_a_unix_socket(void **unused) {
    (void)unused;
    struct access *access = make(NULL, NULL);
    assert_true(knows(access, "evil.example"));
    access_free(access);
}

/* ---- Tokens -------------------------------------------------------------------------------------------------------- */

static int with_token(const char *content, size_t size, struct access **ret, char *why, size_t why_size) {
    char path[] = "/tmp/piko-token-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, size), (ssize_t)size);
    close(fd);
    int error = access_new("localhost", NULL, path, ret, why, why_size);
    unlink(path);
    return error;
}

static void the_token_and_nothing_else_is_accepted(void **unused) {
    (void)unused;
    static const char *const wrong[] = {"",
                                        "Bearer",
                                        "Bearer ",
                                        "Bearer secre",
                                        "Bearer secret1",
                                        "Bearer secretsecret",
                                        "Bearer Secret",
                                        "Bearer secret ",
                                        "Basic secret",
                                        "secret",
                                        "Bearer: secret"};
    struct access *access = NULL;
    char why[256];
    assert_int_equal(with_token("  secret\r\n", 10, &access, why, sizeof(why)), 0);
    assert_true(access_wants_token(access));
    assert_true(access_accepts(access, "Bearer secret"));
    assert_true(access_accepts(access, "bearer  secret"));
    assert_false(access_accepts(access, NULL));
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        if (access_accepts(access, wrong[i]))
            fail_msg("\"%s\" was accepted", wrong[i]);
    access_free(access);
}

static void without_a_token_anything_is_accepted(void **unused) {
    (void)unused;
    struct access *access = make("localhost", NULL);
    assert_false(access_wants_token(access));
    assert_true(access_accepts(access, NULL));
    assert_true(access_accepts(access, "Basic abc"));
    access_free(access);
}

/* A server without the token that was asked for would answer everybody. */
static void a_file_without_a_token_is_refused_and_named(void **unused) {
    (void)unused;
    static const struct {
        const char *content;
        size_t size;
    } files[] = {{"", 0}, {"\n \n", 3}, {"two words", 9}, {"a\0b", 3}, {"a\x01", 2}, {"caf\xc3\xa9", 5}, {"a\0", 2}};
    struct access *access = NULL;
    char why[256], large[ACCESS_TOKEN_BYTES_MAX + 1];
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        assert_int_equal(with_token(files[i].content, files[i].size, &access, why, sizeof(why)), -EINVAL);
        assert_non_null(strstr(why, "/tmp/piko-token-"));
    }
    memset(large, 'a', sizeof(large));
    assert_int_equal(with_token(large, sizeof(large), &access, why, sizeof(why)), -EFBIG);
    assert_int_equal(access_new("localhost", NULL, "/nowhere/token", &access, why, sizeof(why)), -ENOENT);
    assert_non_null(strstr(why, "/nowhere/token"));
    assert_null(access);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_this_machine_pass_with_any_port),
        cmocka_unit_test(all_other_names_are_refused),
        cmocka_unit_test(the_address_that_was_connected_to_passes_in_both_families),
        cmocka_unit_test(any_host_passes_on_a_unix_socket),
        cmocka_unit_test(the_token_and_nothing_else_is_accepted),
        cmocka_unit_test(without_a_token_anything_is_accepted),
        cmocka_unit_test(a_file_without_a_token_is_refused_and_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
