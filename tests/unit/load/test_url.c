#include <errno.h>
#include <stdio.h>
#include <string.h>

/* clang-format off */
#include <setjmp.h> /* cmocka.h needs these before it */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "load/url.h"

struct valid {
    const char *url, *host;
    unsigned port;
    const char *target;
};

static void url_of_every_form_is_taken_apart(void **state) {
    (void)state;
    static const struct valid cases[] = {
        {"http://localhost", "localhost", 80, ""},
        {"http://localhost/", "localhost", 80, "/"},
        {"HTTP://Example.COM:8080/a/b?c=d&e#f", "Example.COM", 8080, "/a/b?c=d&e"},
        {"http://127.0.0.1:1/%20?", "127.0.0.1", 1, "/%20?"},
        {"http://[::1]:65535/x", "::1", 65535, "/x"},
        {"http://[fe80::1]", "fe80::1", 80, ""},
        {"http://my_host-1.test.:080?q=http://[x]:y@z", "my_host-1.test.", 80, "?q=http://[x]:y@z"},
        {"http://host#/path", "host", 80, ""},
        {"http://host//a//b", "host", 80, "//a//b"},
        {"http://1host.2x/", "1host.2x", 80, "/"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct url url;
        char why[300] = "";
        if (url_parse(cases[i].url, &url, why, sizeof why))
            fail_msg("%s", why);
        assert_string_equal(url.host, cases[i].host);
        assert_int_equal(url.port, cases[i].port);
        assert_int_equal(url.target_size, strlen(cases[i].target));
        assert_memory_equal(url.target, cases[i].target, url.target_size);
        assert_int_equal(url.ipv6, strchr(cases[i].host, ':') != NULL);
    }
}

static void url_that_is_wrong_is_refused_with_a_sentence(void **state) {
    (void)state;
    static const struct {
        const char *url, *why;
    } cases[] = {
        {"", "no scheme"},
        {"notaurl", "no scheme"},
        {"localhost:8080/", "no scheme"},
        {"://host", "no scheme"},
        {"http:/host", "no scheme"},
        {"a?b=http://host", "no scheme"},
        {"ftp://host/", "scheme \"ftp\" is not supported"},
        {"httpx://host/", "scheme \"httpx\" is not supported"},
        {"http://", "no host"},
        {"http:///path", "no host"},
        {"http://:80/", "no host"},
        {"http://user:pw@host/", "user and password"},
        {"http://user@host/", "user and password"},
        {"http://host:/", "no port after the colon"},
        {"http://host:0/", "between 1 and 65535"},
        {"http://host:65536/", "between 1 and 65535"},
        {"http://host:99999999999999999999/", "between 1 and 65535"},
        {"http://host:80a/", "port \"80a\" is not a number"},
        {"http://host:-1/", "port \"-1\" is not a number"},
        {"http://host:80:80/", "is not a number"},
        {"http://ho st/", "a space at byte 10: write it as %20"},
        {"http://host/a\nb", "control character at byte 14: write it as %0A"},
        {"http://host/\x7f", "control character"},
        {"http://host/\xc3\xbc", "not ASCII at byte 13: write it as %C3"},
        {"http://ho%20st/", "host has a '%'"},
        {"http://a..b/", "two dots in a row"},
        {"http://.a/", "two dots in a row"},
        {"http://host\\path", "host has a '\\'"},
        {"http://1.2.3/", "1.2.3 is no IPv4 address"},
        {"http://127.1/", "no IPv4 address"},
        {"http://256.0.0.1/", "no IPv4 address"},
        {"http://2130706433/", "no IPv4 address"},
        {"http://0x7f.1/", "no IPv4 address"},
        {"http://127.0.0.0x1/", "no IPv4 address"},
        {"http://[::1/", "']' is missing"},
        {"http://[]/", "no host"},
        {"http://[::g]/", "[::g] is no IPv6 address"},
        {"http://[127.0.0.1]/", "is no IPv6 address"},
        {"http://[::1]x/", "only a port or a path"},
        {"http://::1/", "no host"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct url url = {.port = 7};
        char why[300] = "";
        assert_int_equal(url_parse(cases[i].url, &url, why, sizeof why), -EINVAL);
        if (!strstr(why, cases[i].why))
            fail_msg("%s: \"%s\" does not say \"%s\"", cases[i].url, why, cases[i].why);
        assert_int_equal(url.port, 7);
    }
}

static void url_with_https_has_another_port_and_is_another_server(void **state) {
    (void)state;
    struct url plain, tls, named;
    char why[300];
    assert_int_equal(url_parse("http://host/", &plain, why, sizeof why), 0);
    assert_int_equal(url_parse("https://host/", &tls, why, sizeof why), 0);
    assert_int_equal(url_parse("HTTPS://HOST:443/x", &named, why, sizeof why), 0);
    assert_true(!plain.tls && plain.port == 80 && tls.tls && tls.port == 443);
    assert_true(url_same_server(&tls, &named));
    assert_false(url_same_server(&plain, &tls));
}

static void url_too_long_is_refused_without_quoting_it_all(void **state) {
    (void)state;
    static char text[URL_BYTES_MAX + 2];
    struct url url;
    char why[1000];
    memset(text, 'a', URL_BYTES_MAX + 1);
    memcpy(text, "http://h/", 9);
    assert_int_equal(url_parse(text, &url, why, sizeof why), -EINVAL);
    text[URL_BYTES_MAX] = '\0';
    assert_int_equal(url_parse(text, &url, why, sizeof why), 0);
    memcpy(text, "http://hh", 9); /* now the host is that long */
    assert_int_equal(url_parse(text, &url, why, sizeof why), -EINVAL);
    assert_non_null(strstr(why, "host is longer than 253 bytes"));
    assert_true(strlen(why) < 300);
    snprintf(text, sizeof text, "http://%064d.b/", 1);
    assert_int_equal(url_parse(text, &url, why, sizeof why), -EINVAL);
    assert_non_null(strstr(why, "part of over 63 bytes"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(url_of_every_form_is_taken_apart),
        cmocka_unit_test(url_that_is_wrong_is_refused_with_a_sentence),
        cmocka_unit_test(url_with_https_has_another_port_and_is_another_server),
        cmocka_unit_test(url_too_long_is_refused_without_quoting_it_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
