#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/stats_file.h"

#include <cmocka.h>

/* 990 requests of 2 ms in 5 s, 10 that failed. */
static void make_stats(struct load_stats *stats) {
    assert_int_equal(load_stats_init(stats), 0);
    for (int i = 0; i < 990; i++)
        histogram_record(stats->latency, 2 * NS_PER_MS);
    stats->requests = 990;
    stats->failures[LOAD_RESET] = 3;
    stats->failures[LOAD_STATUS] = 7;
    stats->examples[LOAD_STATUS] = (struct load_example){.first = "status 500", .last = "status 503"};
    stats->examples[LOAD_RESET] = (struct load_example){.first = "closed", .last = "closed"};
    stats->body_bytes = 123456;
    stats->elapsed_ns = 5 * NS_PER_S;
}

static void write_one(struct buffer *text) {
    struct load_stats stats;
    make_stats(&stats);
    struct stats_file file = {"cpu", "http://localhost:8080/", 100, 0, &stats};
    assert_int_equal(stats_file_write(&file, text), 0);
    load_stats_done(&stats);
}

static void begins_as_the_go_one(void **state) {
    (void)state;
    struct buffer text = BUFFER_INIT(0);
    write_one(&text);
    static const char expected[] = "# Load during the cpu phase of piko profile\n"
                                   "# http://localhost:8080/\n"
                                   "\n"
                                   "phase:              cpu\n"
                                   "duration:           5.000s\n"
                                   "total_requests:     1000\n"
                                   "failed_requests:    10\n"
                                   "requests_per_sec:   198.00\n"
                                   "mean_latency:       2.000ms\n"
                                   "total_bytes:        123456\n";
    assert_true(text.size > sizeof expected);
    text.data[sizeof expected - 1] = '\0';
    assert_string_equal(text.data, expected);
    buffer_done(&text);
}

static void every_value_starts_in_column_21(void **state) {
    (void)state;
    struct buffer text = BUFFER_INIT(0);
    write_one(&text);
    int n = 0;
    for (char *line = strtok(strstr(text.data, "\n\n") + 2, "\n"); line; line = strtok(NULL, "\n"), n++) {
        assert_true(strlen(line) > 20);
        assert_true(strchr(line, ':') < line + 19);
        assert_int_equal(line[19], ' ');
        assert_int_not_equal(line[20], ' ');
    }
    assert_true(n > 7);
    buffer_done(&text);
}

static void says_how_each_failure_failed(void **state) {
    (void)state;
    struct buffer text = BUFFER_INIT(0);
    write_one(&text);
    assert_non_null(strstr(text.data, "\nfailed_reset:       3\n"));
    assert_non_null(strstr(text.data, "\nfailed_status:      7\n"));
    assert_non_null(strstr(text.data, "\nfailed_timeout:     0\n"));
    assert_non_null(strstr(text.data, "\nfirst_status:       status 500\nlast_status:        status 503\n"));
    assert_null(strstr(text.data, "first_timeout"));
    buffer_done(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(begins_as_the_go_one),
        cmocka_unit_test(every_value_starts_in_column_21),
        cmocka_unit_test(says_how_each_failure_failed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
