/* clang-format off */
#include <setjmp.h> /* cmocka.h needs these before it */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "report/load_figures.h"

static struct load_figures *read_back(const struct load_figures *figures) {
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(0);
    struct load_figures *ret = NULL;
    char why[256] = "";
    assert_int_equal(load_file_write(figures, &text), 0);
    assert_int_equal(load_file_read(text.data, text.size, &ret, why, sizeof(why)), 0);
    return ret;
}

static void every_figure_comes_back_exactly(void **state) {
    (void)state;
    struct load_stats stats;
    assert_int_equal(load_stats_init(&stats), 0);
    for (uint64_t i = 0; i < 5000; i++)
        histogram_record(stats.latency, i * i * 7919 + 1);
    histogram_record(stats.send_delay, 77);
    stats.requests = 5000;
    stats.failures[LOAD_RESET] = 7;
    snprintf(stats.examples[LOAD_RESET].first, LOAD_EXAMPLE_BYTES, "closed");
    stats.body_bytes = 1ull << 40;
    stats.elapsed_ns = 30000000001;
    const struct load_moment moments[] = {{0, 500000000, 80, 0, 100, 200, 300}, {500000000, 500000001, 81, 7, 1, 2, 3}};
    const struct load_phase phases[] = {
        {.name = "baseline", .stats = &stats, .threads = 12, .moments = moments, .n_moments = 2},
        {.name = "cpu", .start_ns = 31000000000, .stats = &stats}};
    const char *const warnings[] = {"\"quoted\" </script> \x1b[0m \u00e4"};
    const struct load_figures figures = {"http://localhost:8080/", 100, phases, 2, warnings, 1};
    struct load_figures *again = read_back(&figures);

    assert_string_equal(again->url, "http://localhost:8080/");
    assert_int_equal(again->concurrency, 100);
    assert_string_equal(again->warnings[0], warnings[0]);
    assert_int_equal(again->n_phases, 2);
    assert_int_equal(again->phases[1].start_ns, 31000000000);
    assert_null(load_figures_find(again, "block"));
    const struct load_phase *baseline = load_figures_find(again, "baseline");
    assert_int_equal(baseline->threads, 12);
    assert_int_equal(baseline->n_moments, 2);
    assert_memory_equal(baseline->moments, moments, sizeof(moments));
    assert_int_equal(baseline->stats->requests, 5000);
    assert_int_equal(baseline->stats->failures[LOAD_RESET], 7);
    assert_string_equal(baseline->stats->examples[LOAD_RESET].first, "closed");
    assert_int_equal(baseline->stats->body_bytes, 1ull << 40);
    assert_int_equal(baseline->stats->elapsed_ns, 30000000001);
    assert_int_equal(histogram_max_ns(baseline->stats->send_delay), 77);
    assert_true(histogram_mean_ns(baseline->stats->latency) == histogram_mean_ns(stats.latency));
    assert_true(histogram_deviation_ns(baseline->stats->latency) == histogram_deviation_ns(stats.latency));
    for (double percent = 0; percent <= 100; percent += 0.1)
        assert_int_equal(histogram_percentile_ns(baseline->stats->latency, percent),
                         histogram_percentile_ns(stats.latency, percent));
    load_file_free(again);
    load_stats_done(&stats);
}

static void what_is_no_load_file_is_refused_with_a_reason(void **state) {
    (void)state;
    static const char *const bad[] = {"", "{", "[]", "{}", "{\"version\":2}", "\xff", "{\"version\":1}x"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct load_figures *figures = NULL;
        char why[256] = "";
        assert_int_equal(load_file_read(bad[i], strlen(bad[i]), &figures, why, sizeof(why)), -EBADMSG);
        assert_null(figures);
        assert_true(why[0] != '\0');
    }
}

static void members_of_other_types_count_as_missing(void **state) {
    (void)state;
    static const char odd[] =
        "{\"version\":1,\"url\":7,\"warnings\":{},\"phases\":[3,{\"name\":[],\"requests\":-5,\"elapsed_ns\":1e99,"
        "\"latency\":{\"ranges\":[[1],[2,\"x\"],7]},\"moments\":[{},[1,2]]}]}";
    struct load_figures *figures = NULL;
    char why[256] = "";
    assert_int_equal(load_file_read(odd, strlen(odd), &figures, why, sizeof(why)), 0);
    assert_null(figures->url);
    assert_int_equal(figures->n_phases, 2);
    assert_string_equal(figures->phases[1].name, "");
    assert_int_equal(figures->phases[1].stats->requests, 0);
    assert_int_equal(figures->phases[1].moments[1].length_ns, 2);
    load_file_free(figures);
    load_file_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_figure_comes_back_exactly),
        cmocka_unit_test(what_is_no_load_file_is_refused_with_a_reason),
        cmocka_unit_test(members_of_other_types_count_as_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
