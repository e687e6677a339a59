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

#include "build.h"
#include "report/diff.h"
#include "simulate.h"

#define FUNCTIONS 40
#define TICK 10000000ll

static struct diff_choice cpu_choice(enum diff_per per) {
    return (struct diff_choice){.before_type = 1, .after_type = 1, .group = TABLE_BY_FUNCTION, .per = per};
}

static struct profile *cpu_profile(void) {
    struct profile *profile = build_profile("samples", "count");
    profile_add_sample_type(profile, "cpu", "nanoseconds");
    profile->period = TICK;
    return profile;
}

static void add_ticks(struct profile *profile, int64_t ticks, const char *function) {
    if (ticks > 0)
        SAMPLE(profile, VALUES(ticks, ticks * TICK), function, "main m.c:9");
}

static const struct diff_row *find(const struct diff *diff, const char *function) {
    for (size_t i = 0; i < diff->n_rows; i++)
        if (strcmp(diff->rows[i].function, function) == 0)
            return &diff->rows[i];
    fail_msg("no row %s", function);
    return NULL;
}

static struct diff compare(const struct profile *before, uint64_t before_requests, const struct profile *after,
                           uint64_t after_requests, struct diff_choice choice) {
    struct diff diff;
    assert_int_equal(diff_build(&(struct diff_side){before, before_requests},
                                &(struct diff_side){after, after_requests}, &choice, &diff),
                     0);
    return diff;
}

static void values_are_divided_by_requests_then_by_seconds_then_not_at_all(void **state) {
    (void)state;
    struct profile *before = cpu_profile(), *after = cpu_profile();
    add_ticks(before, 100, "work w.c:1");
    add_ticks(after, 300, "work w.c:1");
    before->duration_nanos = 1000000000;
    after->duration_nanos = 2000000000;
    struct diff diff = compare(before, 1000, after, 3000, cpu_choice(DIFF_PER_BEST));
    assert_int_equal(diff.per, DIFF_PER_REQUEST);
    assert_float_equal(find(&diff, "work")->change, 0, 1e-9);
    assert_int_equal(find(&diff, "work")->flat[1], 300 * TICK);
    diff_done(&diff);
    diff = compare(before, 0, after, 3000, cpu_choice(DIFF_PER_BEST));
    assert_int_equal(diff.per, DIFF_PER_SECOND);
    assert_float_equal(find(&diff, "work")->change, 50.0 * TICK, 1);
    diff_done(&diff);
    diff = compare(before, 1000, after, 3000, cpu_choice(DIFF_PER_RUN));
    assert_float_equal(find(&diff, "work")->change, 200.0 * TICK, 1);
    diff_done(&diff);
    after->duration_nanos = 0;
    diff = compare(before, 0, after, 0, cpu_choice(DIFF_PER_BEST));
    assert_int_equal(diff.per, DIFF_PER_RUN);
    diff_done(&diff);
    struct diff_choice by_request = cpu_choice(DIFF_PER_REQUEST);
    assert_int_equal(diff_build(&(struct diff_side){before, 1}, &(struct diff_side){after, 0}, &by_request, &diff),
                     -ENODATA);
    profile_free(before);
    profile_free(after);
}

static void what_stands_for_a_moment_is_never_divided(void **state) {
    (void)state;
    struct profile *before = build_profile("inuse_space", "bytes"), *after = build_profile("inuse_space", "bytes");
    SAMPLE(before, VALUES(1000), "keep k.c:1");
    SAMPLE(after, VALUES(1000), "keep k.c:1");
    struct diff diff = compare(before, 10, after, 20, (struct diff_choice){.group = TABLE_BY_LINE});
    assert_int_equal(diff.per, DIFF_PER_RUN);
    assert_float_equal(find(&diff, "keep")->change, 0, 0);
    diff_done(&diff);
    profile_free(before);
    profile_free(after);
}

static void verdicts_are_changed_noise_and_needs_more_samples(void **state) {
    (void)state;
    struct profile *before = cpu_profile(), *after = cpu_profile();
    add_ticks(before, 400, "grown g.c:1");
    add_ticks(after, 900, "grown g.c:1");
    add_ticks(before, 5000, "same s.c:1");
    add_ticks(after, 5050, "same s.c:1");
    add_ticks(before, 60, "small l.c:1");
    add_ticks(after, 75, "small l.c:1");
    add_ticks(after, 300, "new n.c:1");
    struct diff diff = compare(before, 100, after, 100, cpu_choice(DIFF_PER_BEST));
    assert_int_equal(find(&diff, "grown")->verdict, VERDICT_CHANGED);
    assert_int_equal(find(&diff, "new")->verdict, VERDICT_CHANGED);
    assert_int_equal(find(&diff, "same")->verdict, VERDICT_NOISE);
    assert_int_equal(diff.n_changed, 2);
    assert_string_equal(diff.rows[0].function, "grown");
    assert_string_equal(diff.rows[1].function, "new");
    diff_done(&diff);
    profile_free(before);
    profile_free(after);
    before = cpu_profile();
    after = cpu_profile();
    add_ticks(before, 60, "small l.c:1");
    add_ticks(after, 75, "small l.c:1");
    diff = compare(before, 100, after, 100, cpu_choice(DIFF_PER_BEST));
    assert_int_equal(find(&diff, "small")->verdict, VERDICT_MORE);
    assert_true(find(&diff, "small")->times_more > 1 && find(&diff, "small")->times_more < 10);
    diff_done(&diff);
    profile_free(before);
    profile_free(after);
}

static void cum_compares_functions_with_what_they_call(void **state) {
    (void)state;
    struct profile *before = cpu_profile(), *after = cpu_profile();
    add_ticks(before, 400, "work w.c:1");
    add_ticks(after, 900, "work w.c:1");
    struct diff diff = compare(before, 0, after, 0, cpu_choice(DIFF_PER_RUN));
    assert_int_equal(diff.n_rows, 1); /* main did nothing itself */
    diff_done(&diff);
    struct diff_choice choice = cpu_choice(DIFF_PER_RUN);
    choice.by_cum = true;
    diff = compare(before, 0, after, 0, choice);
    assert_int_equal(find(&diff, "main")->cum[0], 400 * TICK);
    assert_int_equal(find(&diff, "main")->verdict, VERDICT_CHANGED);
    diff_done(&diff);
    profile_free(before);
    profile_free(after);
}

/* Sampled twice as often, the same program has twice the samples, each of half the weight. */
static void rates_of_sampling_may_differ(void **state) {
    (void)state;
    struct profile *before = cpu_profile(), *after = cpu_profile();
    add_ticks(before, 1000, "work w.c:1");
    SAMPLE(after, VALUES(2000, 1000 * TICK), "work w.c:1", "main m.c:9");
    after->period = TICK / 2;
    struct diff diff = compare(before, 100, after, 100, cpu_choice(DIFF_PER_BEST));
    assert_true(find(&diff, "work")->probability > 0.9);
    diff_done(&diff);
    profile_free(before);
    profile_free(after);
}

/* 512 KiB between samples: one sampled kilobyte stands for 513 of them, so 513,000 bytes are one event, and no change. */
static void sampled_allocations_count_as_often_as_they_were_seen(void **state) {
    (void)state;
    struct profile *before = build_profile("alloc_objects", "count"), *after = build_profile("alloc_objects", "count");
    profile_add_sample_type(before, "alloc_space", "bytes");
    profile_add_sample_type(after, "alloc_space", "bytes");
    before->period = after->period = 524288;
    SAMPLE(before, VALUES(513, 525312), "make m.c:1");
    SAMPLE(after, VALUES(513 * 4, 525312 * 4), "make m.c:1");
    for (uint32_t type = 0; type < 2; type++) {
        struct diff diff = compare(before, 0, after, 0,
                                   (struct diff_choice){.before_type = type, .after_type = type, .per = DIFF_PER_RUN});
        assert_int_equal(find(&diff, "make")->verdict, VERDICT_MORE);
        diff_done(&diff);
    }
    profile_free(before);
    profile_free(after);
}

static struct profile *simulate(struct random *random, double scale, double of_first) {
    static char names[FUNCTIONS][32];
    struct profile *profile = cpu_profile();
    for (int i = 0; i < FUNCTIONS; i++) {
        double mean = scale * 800 / (i + 1) * (i == 0 ? of_first : 1);
        snprintf(names[i], sizeof(names[i]), "function_%d f.c:%d", i, i + 1);
        add_ticks(profile, (int64_t)random_poisson(random, mean * random_spread(random, 0.03)), names[i]);
    }
    return profile;
}

/* Whole profiles, 200 pairs for each way: what the command says of repeated runs, and of one with a slower function. */
static void repeated_profiles_are_noise_and_a_slower_function_is_found(void **state) {
    (void)state;
    struct random random = {.state = 11};
    size_t false_tables = 0, hits = 0, wrong = 0, called = 0;
    for (int i = 0; i < 200; i++) {
        struct profile *before = simulate(&random, 5, 1), *again = simulate(&random, 8, 1),
                       *slower = simulate(&random, 8, 1.5);
        struct diff diff = compare(before, 1000, again, 1600, cpu_choice(DIFF_PER_BEST));
        false_tables += diff.n_changed > 0;
        diff_done(&diff);
        diff = compare(before, 1000, slower, 1600, cpu_choice(DIFF_PER_BEST));
        bool hit = find(&diff, "function_0")->verdict == VERDICT_CHANGED;
        hits += hit;
        called += diff.n_changed;
        wrong += diff.n_changed - hit;
        diff_done(&diff);
        profile_free(before);
        profile_free(again);
        profile_free(slower);
    }
    print_message("repeats: changed in %zu of 200; slower: found in %zu of 200, %zu of %zu called were others\n",
                  false_tables, hits, wrong, called);
    assert_true(false_tables <= 10);
    assert_true(hits >= 190);
    assert_true((double)wrong <= 0.05 * (double)called);
}

static void what_is_missing_is_refused_and_empty_profiles_are_not(void **state) {
    (void)state;
    struct profile *before = cpu_profile(), *after = cpu_profile();
    struct diff diff;
    struct diff_choice choice = {.before_type = 2, .after_type = 0};
    assert_int_equal(diff_build(&(struct diff_side){before, 0}, &(struct diff_side){after, 0}, &choice, &diff),
                     -EINVAL);
    diff = compare(before, 0, after, 0, cpu_choice(DIFF_PER_BEST));
    assert_int_equal(diff.n_rows, 0);
    assert_int_equal(diff.whole.verdict, VERDICT_NOISE);
    diff_done(&diff);
    profile_free(before);
    profile_free(after);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_divided_by_requests_then_by_seconds_then_not_at_all),
        cmocka_unit_test(what_stands_for_a_moment_is_never_divided),
        cmocka_unit_test(verdicts_are_changed_noise_and_needs_more_samples),
        cmocka_unit_test(cum_compares_functions_with_what_they_call),
        cmocka_unit_test(rates_of_sampling_may_differ),
        cmocka_unit_test(sampled_allocations_count_as_often_as_they_were_seen),
        cmocka_unit_test(repeated_profiles_are_noise_and_a_slower_function_is_found),
        cmocka_unit_test(what_is_missing_is_refused_and_empty_profiles_are_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
