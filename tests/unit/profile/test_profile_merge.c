#include <errno.h>

#include "make.h"

static struct profile *merge_two(const struct profile *a, const struct profile *b, const double *scales) {
    struct profile *sum = NULL;
    assert_int_equal(profile_merge((const struct profile *const[]){a, b}, scales, 2, &sum), 0);
    assert_int_equal(profile_check(sum, true, NULL, 0), 0);
    return sum;
}

static void a_sum_adds_values_and_durations(void **state) {
    (void)state;
    _cleanup_profile_ struct profile *a = make_busy_profile(), *b = make_busy_profile();
    b->time_nanos += 7;
    profile_add_comment(a, "both");
    profile_add_comment(b, "both");
    profile_add_comment(b, "one");
    _cleanup_profile_ struct profile *sum = merge_two(a, b, NULL);
    assert_int_equal(sum->n_samples, 3);
    assert_int_equal(sum->samples[0].values[0], 6);
    assert_int_equal(profile_total(sum, 0, false), 12);
    assert_true(sum->time_nanos == TIME_NANOS + 7);
    assert_true(sum->duration_nanos == 10000000000);
    assert_int_equal(sum->n_comments, 2);
    assert_int_equal(profile_total(a, 0, false), 6);
}

/* The same binary at another address, with its tables in another order. */
static void a_mapping_is_the_same_wherever_it_was_loaded(void **state) {
    (void)state;
    _cleanup_profile_ struct profile *a = make_busy_profile(), *b = make_profile();
    b->mappings[0].start += 0x7000000;
    b->mappings[0].limit += 0x7000000;
    uint32_t main_ = make_location(b, "main", 0x30), work = make_location(b, "work", 0x10);
    make_sample(b, work, main_, 5, "a");
    _cleanup_profile_ struct profile *sum = merge_two(a, b, NULL);
    assert_int_equal(sum->n_mappings, 1);
    assert_int_equal(sum->n_locations, 3);
    assert_int_equal(sum->n_samples, 3);
    assert_int_equal(sum->samples[0].values[0], 8);
}

static void the_start_of_a_function_moves_with_its_mapping(void **state) {
    (void)state;
    _cleanup_profile_ struct profile *a = make_profile(), *b = make_profile();
    b->mappings[0].start += 0x7000000;
    b->mappings[0].limit += 0x7000000;
    uint32_t work = make_location(b, "work", 0x10);
    b->locations[work].function_start = b->locations[work].address - 8;
    make_sample(b, work, work, 5, "a");
    _cleanup_profile_ struct profile *sum = merge_two(a, b, NULL);
    assert_int_equal(sum->locations[0].address, MAIN_START + 0x10);
    assert_int_equal(sum->locations[0].function_start, MAIN_START + 8);
}

/* Columns of zeros for what is asked of no type; the order of types is the caller's. */
static void a_pair_has_the_values_of_both_side_by_side(void **state) {
    (void)state;
    _cleanup_profile_ struct profile *a = make_profile(), *b = make_profile(), *pair = NULL;
    uint32_t work = make_location(a, "work", 0x10);
    make_sample(a, work, work, 5, NULL);
    work = make_location(b, "work", 0x10);
    make_sample(b, work, work, 7, NULL);
    make_sample(b, make_location(b, "other", 0x20), work, 1, NULL);
    uint32_t types[] = {0, PROFILE_NONE};
    assert_int_equal(profile_pair(a, types, b, types, 2, &pair), 0);
    assert_int_equal(pair->n_sample_types, 4);
    assert_int_equal(pair->n_samples, 2);
    const int64_t expected[] = {5, 7, 0, 0};
    for (uint32_t i = 0; i < 4; i++)
        assert_int_equal(pair->samples[0].values[i], expected[i]);
    assert_int_equal(pair->samples[1].values[0], 0);
    assert_int_equal(pair->samples[1].values[1], 1);
    assert_int_equal(profile_total(a, 0, false), 5);
    assert_int_equal(profile_pair(a, types, b, types, PROFILE_SAMPLE_TYPES_MAX / 2 + 1, &pair), -EINVAL);
}

static void scales_multiply_and_zeros_go(void **state) {
    (void)state;
    _cleanup_profile_ struct profile *a = make_busy_profile(), *b = make_busy_profile();
    make_sample(b, 1, 2, 4, NULL);
    _cleanup_profile_ struct profile *half = merge_two(a, b, (const double[]){0.5, 0});
    assert_int_equal(half->samples[0].values[0], 2); /* 1.5, rounded to nearest, halves away from zero */
    _cleanup_profile_ struct profile *difference = merge_two(a, b, (const double[]){1, -1});
    assert_int_equal(difference->n_samples, 1);
    assert_int_equal(difference->samples[0].values[0], -4);
    assert_int_equal(difference->n_functions, 2); /* work went with its samples */
}

static void large_values_are_subtracted_exactly(void **state) {
    (void)state;
    _cleanup_profile_ struct profile *a = make_busy_profile(), *b = make_busy_profile();
    make_sample(a, 0, 2, (INT64_C(1) << 54) + 1, "a");
    make_sample(b, 0, 2, INT64_C(1) << 54, "a");
    _cleanup_profile_ struct profile *difference = merge_two(a, b, (const double[]){1, -1});
    assert_int_equal(difference->n_samples, 1);
    assert_int_equal(difference->samples[0].values[0], 1);
}

static void profiles_of_different_kinds_do_not_merge(void **state) {
    (void)state;
    _cleanup_profile_ struct profile *a = make_busy_profile(), *b = profile_new();
    struct profile *sum = NULL;
    profile_add_sample_type(b, "delay", "nanoseconds");
    assert_int_equal(profile_merge((const struct profile *const[]){a, b}, NULL, 2, &sum), -EINVAL);
    assert_int_equal(profile_merge(NULL, NULL, 0, &sum), -EINVAL);
    _cleanup_profile_ struct profile *c = make_busy_profile();
    c->period_type.unit = "seconds";
    assert_int_equal(profile_merge((const struct profile *const[]){a, c}, NULL, 2, &sum), -EINVAL);
    assert_null(sum);
}

static void a_delta_is_what_was_added(void **state) {
    (void)state;
    _cleanup_profile_ struct profile *before = make_busy_profile(), *after = make_busy_profile();
    make_sample(after, 0, 2, 4, "b");
    make_sample(before, 1, 2, 9, NULL); /* shrinks by 9: torn */
    after->time_nanos += 2000000000;
    profile_add_comment(before, "capture: samples=1");
    profile_add_comment(after, "capture: samples=2");
    struct profile *delta = NULL;
    assert_int_equal(profile_delta(before, after, &delta), 0);
    assert_int_equal(delta->n_samples, 1);
    assert_int_equal(delta->n_comments, after->n_comments);
    assert_string_equal(delta->comments[delta->n_comments - 1], "capture: samples=2");
    assert_int_equal(delta->samples[0].values[0], 4);
    assert_string_equal(delta->samples[0].labels[0].string, "b");
    assert_true(delta->time_nanos == after->time_nanos && delta->duration_nanos == 2000000000);
    assert_int_equal(profile_check(delta, false, NULL, 0), 0);
    profile_free(delta);
}

static void a_delta_of_nothing_keeps_the_main_binary(void **state) {
    (void)state;
    _cleanup_profile_ struct profile *before = make_busy_profile(), *after = make_busy_profile();
    struct profile *delta = NULL;
    assert_int_equal(profile_delta(before, after, &delta), 0);
    assert_int_equal(delta->n_samples, 0);
    assert_int_equal(delta->n_locations, 0);
    assert_int_equal(delta->n_mappings, 1);
    profile_free(delta);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sum_adds_values_and_durations),
        cmocka_unit_test(a_mapping_is_the_same_wherever_it_was_loaded),
        cmocka_unit_test(the_start_of_a_function_moves_with_its_mapping),
        cmocka_unit_test(a_pair_has_the_values_of_both_side_by_side),
        cmocka_unit_test(scales_multiply_and_zeros_go),
        cmocka_unit_test(large_values_are_subtracted_exactly),
        cmocka_unit_test(profiles_of_different_kinds_do_not_merge),
        cmocka_unit_test(a_delta_is_what_was_added),
        cmocka_unit_test(a_delta_of_nothing_keeps_the_main_binary),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
