#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "capture/capture.h"

#include <cmocka.h>

/* The Go Piko's own answers. */
static const char rolling_on[] =
    "{\"pprof_base_path\":\"/_piko/debug/pprof\",\"status_path\":\"/_piko/profiler/status\",\"rolling_trace\":{"
    "\"min_age\":\"15s\",\"download_path\":\"/_piko/profiler/trace/recent\",\"max_bytes\":16777216,\"enabled\":true}}";
static const char rolling_off[] =
    "{\"pprof_base_path\":\"/_piko/debug/pprof\",\"status_path\":\"/_piko/profiler/status\",\"rolling_trace\":{"
    "\"min_age\":\"\",\"max_bytes\":0,\"enabled\":false}}";

static int parse(const char *text, struct capture_status *ret) {
    char why[CAPTURE_WHY_BYTES] = "";
    int error = capture_status_parse(text, strlen(text), ret, why);
    assert_true(!error || why[0]);
    return error;
}

static void status_of_a_rolling_trace_is_read(void **state) {
    (void)state;
    struct capture_status status;
    assert_int_equal(parse(rolling_on, &status), 0);
    assert_true(status.rolling_trace);
    assert_string_equal(status.rolling_trace_min_age, "15s");
    assert_int_equal(status.rolling_trace_max_bytes, 16777216);
    assert_string_equal(status.rolling_trace_path, "/_piko/profiler/trace/recent");
    capture_status_done(&status);
}

static void json_is_indented_by_two_keeps_its_order_and_ends_without_newline(void **state) {
    (void)state;
    struct capture_status status;
    assert_int_equal(parse(rolling_off, &status), 0);
    assert_false(status.rolling_trace);
    assert_string_equal(status.json, "{\n"
                                     "  \"pprof_base_path\": \"/_piko/debug/pprof\",\n"
                                     "  \"status_path\": \"/_piko/profiler/status\",\n"
                                     "  \"rolling_trace\": {\n"
                                     "    \"min_age\": \"\",\n"
                                     "    \"max_bytes\": 0,\n"
                                     "    \"enabled\": false\n"
                                     "  }\n"
                                     "}");
    assert_int_equal(strlen(status.json), 174);
    capture_status_done(&status);
}

static void file_of_a_rolling_trace_is_as_long_as_the_go_one(void **state) {
    (void)state;
    struct capture_status status;
    assert_int_equal(parse(rolling_on, &status), 0);
    assert_int_equal(strlen(status.json), 236);
    capture_status_done(&status);
}

static void fractions_and_other_keys_come_through_as_written(void **state) {
    (void)state;
    struct capture_status status;
    assert_int_equal(parse("{\"overhead\":0.3,\"name\":\"s\xc3\xa9\"}", &status), 0);
    assert_string_equal(status.json, "{\n  \"overhead\": 0.3,\n  \"name\": \"s\xc3\xa9\"\n}");
    capture_status_done(&status);
}

static void threads_are_told_where_a_status_has_them(void **state) {
    (void)state;
    static const struct {
        const char *text;
        uint64_t threads;
    } cases[] = {{"{\"threads\":18}", 18}, {"{}", 0}, {"{\"threads\":-1}", 0}, {"{\"threads\":\"many\"}", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct capture_status status;
        assert_int_equal(parse(cases[i].text, &status), 0);
        assert_int_equal(status.threads, cases[i].threads);
        capture_status_done(&status);
    }
}

static void what_is_no_status_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",
        "<html>",
        "[]",
        "{\"rolling_trace\":1}",
        "{\"rolling_trace\":{\"enabled\":true}}",
        "{\"rolling_trace\":{\"enabled\":true,\"download_path\":\"http://elsewhere/\"}}",
        "{\"rolling_trace\":{\"enabled\":true,\"download_path\":\"/a b\"}}",
        "{\"rolling_trace\":{\"enabled\":true,\"download_path\":\"/a\\r\\nX: y\"}}",
        "{\"rolling_trace\":{\"enabled\":true,\"download_path\":\"/a\",\"min_age\":\"\\u001b[2J\"}}",
        "{\"a\":1,\"a\":2}",
    };
    struct capture_status status;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(parse(bad[i], &status), -EBADMSG);
}

static void path_that_is_too_long_is_refused(void **state) {
    (void)state;
    char path[400], text[600];
    struct capture_status status;
    memset(path, 'a', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    snprintf(text, sizeof text, "{\"rolling_trace\":{\"enabled\":true,\"download_path\":\"/%s\"}}", path);
    assert_int_equal(parse(text, &status), -EBADMSG);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(status_of_a_rolling_trace_is_read),
        cmocka_unit_test(json_is_indented_by_two_keeps_its_order_and_ends_without_newline),
        cmocka_unit_test(file_of_a_rolling_trace_is_as_long_as_the_go_one),
        cmocka_unit_test(fractions_and_other_keys_come_through_as_written),
        cmocka_unit_test(threads_are_told_where_a_status_has_them),
        cmocka_unit_test(what_is_no_status_is_refused),
        cmocka_unit_test(path_that_is_too_long_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
