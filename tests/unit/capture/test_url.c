#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "capture/capture.h"

#include <cmocka.h>

static void expect_beside(const char *url, unsigned port, const char *expected) {
    char *base = NULL, why[CAPTURE_WHY_BYTES] = "";
    assert_int_equal(capture_base_beside(url, port, &base, why), 0);
    assert_string_equal(base, expected);
    free(base);
}

static void expect_refused(const char *url) {
    char *base = NULL, why[CAPTURE_WHY_BYTES] = "";
    assert_int_equal(capture_base_beside(url, 6060, &base, why), -EINVAL);
    assert_null(base);
    assert_string_not_equal(why, "");
}

static void profiler_stands_on_the_application_host_with_its_own_port(void **state) {
    (void)state;
    expect_beside("http://localhost:8080/", 6060, "http://localhost:6060");
    expect_beside("http://127.0.0.1", 7070, "http://127.0.0.1:7070");
    expect_beside("http://[::1]:8080/x?y=z", 6060, "http://[::1]:6060");
    expect_beside("https://user:word@example.org:8443/x", 6060, "http://example.org:6060");
}

static void what_is_no_http_url_is_refused_with_a_reason(void **state) {
    (void)state;
    expect_refused("notaurl");
    expect_refused("");
    expect_refused("localhost:8080");
    expect_refused("ftp://localhost/");
    expect_refused("http://");
    expect_refused("http:///path");
    expect_refused("http://localhost:99999/");
    expect_refused("http://localhost:port/");
    expect_refused("http://local host/");
    expect_refused("http://localhost/\r\nHost: other");
}

static void expect_split(const char *url, const char *base, const char *prefix) {
    char *got_base = NULL, *got_prefix = NULL, why[CAPTURE_WHY_BYTES] = "";
    assert_int_equal(capture_split_url(url, &got_base, &got_prefix, why), 0);
    assert_string_equal(got_base, base);
    assert_string_equal(got_prefix, prefix);
    free(got_base);
    free(got_prefix);
}

static void profiler_url_splits_into_base_and_prefix(void **state) {
    (void)state;
    expect_split("http://localhost:6060/_piko/debug/pprof", "http://localhost:6060", "/_piko/debug/pprof");
    expect_split("http://localhost:6060/debug/pprof//", "http://localhost:6060", "/debug/pprof");
    expect_split("https://host/a/b/", "https://host", "/a/b");
    expect_split("http://host:1", "http://host:1", "");
}

static void profiler_url_with_a_query_is_refused(void **state) {
    (void)state;
    char *base = NULL, *prefix = NULL, why[CAPTURE_WHY_BYTES] = "";
    assert_int_equal(capture_split_url("http://host/debug/pprof?x=1", &base, &prefix, why), -EINVAL);
    assert_int_equal(capture_split_url("host/debug/pprof", &base, &prefix, why), -EINVAL);
    assert_null(base);
    assert_null(prefix);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(profiler_stands_on_the_application_host_with_its_own_port),
        cmocka_unit_test(what_is_no_http_url_is_refused_with_a_reason),
        cmocka_unit_test(profiler_url_splits_into_base_and_prefix),
        cmocka_unit_test(profiler_url_with_a_query_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
