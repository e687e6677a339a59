/* Whole reports against the texts in golden/. After a change on purpose: REPORT_GOLDEN_WRITE=1 meson test 'report report'
 * and read the difference. */
/* clang-format off */
#include <setjmp.h> /* cmocka.h needs these before it */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "build.h"
#include "report/report.h"

static struct profile *cpu_profile(void) {
    struct profile *profile = build_profile("samples", "count");
    profile_add_sample_type(profile, "cpu", "nanoseconds");
    profile->period_type = (struct profile_value_type){.type = "cpu", .unit = "nanoseconds"};
    profile->period = 10000000;
    profile->duration_nanos = 2000000000;
    profile->drop_frames = "piko_.*";
    profile_add_comment(profile, "lost samples: 3 (0.9 %%)");
    SAMPLE(profile, VALUES(150, 1500000000), "memmove", "buf_append buf.c:33 < render_markdown render.c:120",
           "serve site.c:88", "main site.c:200");
    SAMPLE(profile, VALUES(100, 1000000000), "buf_append buf.c:35 < render_markdown render.c:121", "serve site.c:88",
           "main site.c:200");
    SAMPLE(profile, VALUES(60, 600000000), "piko_hook probe.c:1", "parse parse.c:7", "parse parse.c:9",
           "serve site.c:90", "main site.c:200");
    SAMPLE(profile, VALUES(9, 90000000),
           "std::map<std::basic_string<char>, std::vector<int, std::allocator<int> > >::operator[](int&&) map.h:501",
           "main site.c:201");
    SAMPLE(profile, VALUES(1, 10000), "\x1b[31mred\x1b[0m evil\n.c:4", "main site.c:201");
    SAMPLE(profile, VALUES(1, 10000000), "", "main site.c:201");
    return profile;
}

static struct profile *heap_profile(void) {
    struct profile *profile = build_profile("alloc_objects", "count");
    profile_add_sample_type(profile, "alloc_space", "bytes");
    profile_add_sample_type(profile, "inuse_objects", "count");
    profile_add_sample_type(profile, "inuse_space", "bytes");
    profile->period_type = (struct profile_value_type){.type = "space", .unit = "bytes"};
    profile->period = 524288;
    SAMPLE(profile, VALUES(168000, 13107200, 10, 1024), "buf_append buf.c:33", "render_markdown render.c:120");
    SAMPLE(profile, VALUES(7, 2097152, 7, 2097152), "buf_append buf.c:40", "render_markdown render.c:120");
    SAMPLE(profile, VALUES(1, 512, 0, 0), "cache_insert cache.c:88", "cache_get cache.c:41");
    return profile;
}

static struct profile *delay_profile(void) {
    struct profile *profile = build_profile("contentions", "count");
    profile_add_sample_type(profile, "delay", "nanoseconds");
    profile->period_type = (struct profile_value_type){.type = "contentions", .unit = "count"};
    profile->period = 1;
    SAMPLE(profile, VALUES(412, 18220000000), "pthread_mutex_unlock", "cache_insert cache.c:88", "main site.c:200");
    return profile;
}

static void fill_stats(struct load_stats *stats) {
    assert_int_equal(load_stats_init(stats), 0);
    for (uint64_t i = 1; i <= 1000; i++)
        histogram_record(stats->latency, i * 10000);
    stats->requests = 1000;
    stats->failures[LOAD_TIMEOUT] = 3;
    stats->failures[LOAD_STATUS] = 4;
    stats->body_bytes = 65076715;
    stats->elapsed_ns = 5004 * NS_PER_MS;
    stats->examples[LOAD_TIMEOUT] = (struct load_example){.first = "10.0.0.1:80: no connection within 30 s"};
    strcpy(stats->examples[LOAD_TIMEOUT].last, stats->examples[LOAD_TIMEOUT].first);
    stats->examples[LOAD_STATUS] = (struct load_example){.first = "status 500", .last = "status\n503"};
}

static void expect_golden(const struct report_run *run, const struct report_options *options, const char *name) {
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(0), golden = BUFFER_INIT(0);
    char path[1024];
    snprintf(path, sizeof(path), "%s/%s.txt", getenv("REPORT_GOLDEN"), name);
    assert_int_equal(report_write(run, options, &text), 0);
    if (getenv("REPORT_GOLDEN_WRITE"))
        assert_int_equal(file_write(path, text.data, text.size, 0644), 0);
    assert_int_equal(file_read(path, &golden), 0);
    if (!golden.data || strcmp(text.data, golden.data) != 0)
        fprintf(stderr, "%s is not what the report says:\n%s", path, text.data);
    assert_string_equal(text.data, golden.data);
}

static void report_of_a_whole_run(void **state) {
    (void)state;
    struct load_stats stats;
    struct profile *cpu = cpu_profile(), *heap = heap_profile(), *delay = delay_profile();
    struct profile *empty = build_profile("contentions", "count");
    fill_stats(&stats);
    profile_add_sample_type(empty, "delay", "nanoseconds");
    const struct report_phase phases[] = {{"cpu", cpu, NULL, 1000},
                                          {"allocs", heap, NULL, 1000},
                                          {"heap", heap, NULL, 1000},
                                          {"mutex", delay, NULL, 1000},
                                          {"block", empty, NULL, 1000}};
    const char *const warnings[] = {"--duration 5 is below the recommended minimum of 30 seconds", "second\nwarning"};
    const struct report_run run = {.url = "http://localhost:8080/",
                                   .concurrency = 100,
                                   .baseline = &stats,
                                   .phases = phases,
                                   .n_phases = 5,
                                   .warnings = warnings,
                                   .n_warnings = 2};
    expect_golden(&run, &(struct report_options){.top = 0}, "whole");
    load_stats_done(&stats);
    profile_free(cpu);
    profile_free(heap);
    profile_free(delay);
    profile_free(empty);
}

static void report_of_a_run_that_was_cut_short(void **state) {
    (void)state;
    struct profile *cpu = cpu_profile();
    const struct report_phase phases[] = {
        {"cpu", cpu, NULL, 0},
        {"allocs", NULL, "GET http://localhost:6060/: connection\x1b refused", 0},
        {"heap", NULL, NULL, 0},
    };
    const struct report_run run = {
        .url = "http://localhost:8080/", .concurrency = 100, .phases = phases, .n_phases = 3};
    expect_golden(&run, &(struct report_options){.top = 2}, "cut_short");
    profile_free(cpu);
}

static void report_with_a_focus(void **state) {
    (void)state;
    struct profile *cpu = cpu_profile(), *delay = delay_profile();
    const struct report_phase phases[] = {
        {"cpu", cpu, NULL, 1000}, {"mutex", delay, NULL, 1000}, {"goroutine", delay, NULL, 0}};
    const struct report_run run = {.phases = phases, .n_phases = 3};
    struct focus *focus;
    assert_int_equal(focus_new("render|parse", &focus, NULL, 0), 0);
    expect_golden(&run, &(struct report_options){.filter = {.focus = focus}}, "focus");
    focus_free(focus);
    profile_free(cpu);
    profile_free(delay);
}

static void full_buffer_is_an_error(void **state) {
    (void)state;
    struct profile *cpu = cpu_profile();
    const struct report_phase phase = {"cpu", cpu, NULL, 1000};
    const struct report_run run = {.phases = &phase, .n_phases = 1};
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(100);
    assert_int_equal(report_write(&run, &(struct report_options){.top = 0}, &text), -EFBIG);
    profile_free(cpu);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(report_of_a_whole_run),
        cmocka_unit_test(report_of_a_run_that_was_cut_short),
        cmocka_unit_test(report_with_a_focus),
        cmocka_unit_test(full_buffer_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
