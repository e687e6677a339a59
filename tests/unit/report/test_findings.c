/* clang-format off */
#include <setjmp.h> /* cmocka.h needs these before it */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <string.h>

#include "build.h"
#include "report/findings.h"

static const struct report_options plain;

static struct profile *cpu_profile(void) {
    struct profile *profile = build_profile("samples", "count");
    profile_add_sample_type(profile, "cpu", "nanoseconds");
    SAMPLE(profile, VALUES(40, 400), "copy copy.c:7", "render render.c:3", "main site.c:1");
    SAMPLE(profile, VALUES(20, 200), "copy copy.c:7", "load load.c:3", "main site.c:1");
    SAMPLE(profile, VALUES(30, 300), "site+0x1230", "main site.c:1");
    SAMPLE(profile, VALUES(10, 100), "main site.c:1");
    return profile;
}

static struct profile *allocs_profile(void) {
    struct profile *profile = build_profile("alloc_objects", "count");
    profile_add_sample_type(profile, "alloc_space", "bytes");
    SAMPLE(profile, VALUES(400, 300000), "operator new(unsigned long)", "std::vector<int>::push_back(int&&) v.h:1",
           "render r.c:120");
    SAMPLE(profile, VALUES(10, 100000), "parse p.c:1");
    return profile;
}

static struct profile *mutex_profile(int64_t waited_ns) {
    struct profile *profile = build_profile("contentions", "count");
    profile_add_sample_type(profile, "delay", "nanoseconds");
    profile->duration_nanos = 1000000000;
    SAMPLE(profile, VALUES(5, waited_ns), "__GI___pthread_mutex_unlock_usercnt n.c:1", "cache_put cache.c:88", "main");
    SAMPLE(profile, VALUES(1, waited_ns / 4), "sync.(*Mutex).Unlock mutex.go:1", "take queue.c:3", "main");
    return profile;
}

static void expect(const struct report_run *run, size_t index, const char *kind, const char *text,
                   const char *command) {
    struct findings findings;
    assert_int_equal(findings_make(run, &plain, &findings), 0);
    assert_true(findings.n > index);
    assert_string_equal(findings.items[index].kind, kind);
    assert_string_equal(findings.items[index].text.data, text);
    if (command)
        assert_string_equal(findings.items[index].command.data, command);
    else
        assert_null(findings.items[index].command.data);
    findings_done(&findings);
}

static size_t count(const struct report_run *run) {
    struct findings findings;
    assert_int_equal(findings_make(run, &plain, &findings), 0);
    size_t n = findings.n;
    findings_done(&findings);
    return n;
}

static void nothing_stands_out_of_nothing(void **state) {
    (void)state;
    const struct report_phase phases[] = {{.name = "cpu"}, {.name = "mutex"}};
    assert_int_equal(count(&(struct report_run){.phases = phases, .n_phases = 2}), 0);
}

static void a_lock_stands_out_where_own_code_held_it(void **state) {
    (void)state;
    struct profile *profile = mutex_profile(80000000);
    const struct report_phase phase = {.name = "mutex", .profile = profile};
    expect(&(struct report_run){.folder = "it's here/", .phases = &phase, .n_phases = 1}, 0, "lock",
           "80.00% of all waiting for locks (100ms) is for a lock held in cache_put (cache.c:88)",
           "piko report 'it'\\''s here/mutex.pprof' --peek '^cache_put$'");
    profile_free(profile);
}

static void waiting_of_no_weight_does_not(void **state) {
    (void)state;
    struct profile *profile = mutex_profile(20000000);
    const struct report_phase phase = {.name = "mutex", .profile = profile};
    assert_int_equal(count(&(struct report_run){.phases = &phase, .n_phases = 1}), 0);
    profile_free(profile);
}

static void who_allocates_most_is_told_per_request(void **state) {
    (void)state;
    struct profile *profile = allocs_profile();
    const struct report_phase phase = {.name = "allocs", .profile = profile, .requests = 100};
    expect(&(struct report_run){.phases = &phase, .n_phases = 1}, 0, "alloc",
           "render (r.c:120) allocates 75.00% of the bytes: 2.93kB and 4.00 objects a request",
           "piko report allocs.pprof --sample-index alloc_space --lines --focus '^render$'");
    profile_free(profile);
}

static void hot_function_unnamed_code_and_debug_build(void **state) {
    (void)state;
    struct profile *profile = cpu_profile();
    const struct report_phase phase = {.name = "cpu", .profile = profile};
    const struct report_object object = {"/usr/bin/site", "/usr/bin/site was built with -O0: build with -O2 -g",
                                         "site-dbgsym"};
    const struct report_run run = {
        .folder = "out", .phases = &phase, .n_phases = 1, .objects = &object, .n_objects = 1};
    expect(&run, 0, "cpu", "60.00% of the CPU time is in copy (copy.c:7), called most from render",
           "piko report out/cpu.pprof --peek '^copy$'");
    expect(&run, 1, "build", "/usr/bin/site was built with -O0: build with -O2 -g", NULL);
    expect(&run, 2, "symbols",
           "30.00% of the CPU time is in functions without a name: the symbols are missing of /usr/bin/site",
           "apt install site-dbgsym");
    assert_int_equal(count(&run), 3);
    profile_free(profile);
}

static void what_a_target_says_of_its_build_is_told_once(void **state) {
    (void)state;
    struct profile *one = build_profile("x", "count"), *other = build_profile("y", "count");
    profile_add_comment(one, "build: /bin/a was built with -pg: do not\033");
    profile_add_comment(other, "build: /bin/a was built with -pg: do not\033");
    const struct report_phase phases[] = {{.name = "x", .profile = one}, {.name = "y", .profile = other}};
    const struct report_run run = {.phases = phases, .n_phases = 2};
    expect(&run, 0, "build", "/bin/a was built with -pg: do not?", NULL);
    assert_int_equal(count(&run), 1);
    profile_free(one);
    profile_free(other);
}

static void threads_that_grow_failures_and_losses(void **state) {
    (void)state;
    struct profile *profile = build_profile("x", "count");
    profile_add_comment(profile, "lost: cpu=0 heap=12");
    struct load_stats stats = {.requests = 990, .failures = {[LOAD_TIMEOUT] = 10}};
    const struct load_phase phases[] = {{.name = "baseline", .stats = &stats, .threads = 10},
                                        {.name = "block", .stats = &stats, .threads = 210}};
    const struct load_figures load = {.phases = phases, .n_phases = 2};
    const struct report_phase phase = {.name = "x", .profile = profile};
    struct report_run run = {.folder = "out", .phases = &phase, .n_phases = 1};
    report_run_set_load(&run, &load);
    expect(&run, 0, "load", "1.00% of the requests failed: timeout 10", NULL);
    expect(&run, 1, "threads", "threads grew from 10 to 210 over the phases: is there a leak?",
           "less out/block.goroutines.txt");
    expect(&run, 2, "lost", "the profiler ran out of room, and figures are too low (lost: cpu=0 heap=12)", NULL);
    profile_free(profile);
}

static void names_cannot_break_out_of_the_command(void **state) {
    (void)state;
    struct profile *profile = build_profile("samples", "count");
    profile_add_sample_type(profile, "cpu", "nanoseconds");
    SAMPLE(profile, VALUES(1, 1), "f('$(reboot)`\x1b[2J\n|*");
    const struct report_phase phase = {.name = "cpu", .profile = profile};
    expect(&(struct report_run){.phases = &phase, .n_phases = 1}, 0, "cpu",
           "100.00% of the CPU time is in f('$(reboot)`?[2J?|*",
           "piko report cpu.pprof --peek '^f\\('\\''\\$\\(reboot\\)`\\?\\[2J\\?\\|\\*$'");
    profile_free(profile);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_stands_out_of_nothing),
        cmocka_unit_test(a_lock_stands_out_where_own_code_held_it),
        cmocka_unit_test(waiting_of_no_weight_does_not),
        cmocka_unit_test(who_allocates_most_is_told_per_request),
        cmocka_unit_test(what_a_target_says_of_its_build_is_told_once),
        cmocka_unit_test(hot_function_unnamed_code_and_debug_build),
        cmocka_unit_test(threads_that_grow_failures_and_losses),
        cmocka_unit_test(names_cannot_break_out_of_the_command),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
