#include <errno.h>

#include "make.h"

static void equal_strings_are_interned_once(void **state) {
    (void)state;
    _cleanup_profile_ struct profile *profile = profile_new();
    char copy[] = "hello";
    assert_ptr_equal(profile_intern(profile, "hello"), profile_intern(profile, copy));
    assert_ptr_equal(profile_intern(profile, "hello"), profile_intern_n(profile, "hello world", 5));
    assert_ptr_equal(profile_intern(profile, NULL), profile_intern(profile, ""));
}

static void invalid_utf8_is_replaced(void **state) {
    (void)state;
    static const struct {
        const char *bytes, *repaired;
    } cases[] = {
        {"plain text of some length", "plain text of some length"},
        {"Größe 数 \xf0\x9f\x98\x80", "Größe 数 \xf0\x9f\x98\x80"},
        {"a\xff"
         "b",
         "a\xef\xbf\xbd"
         "b"},
        {"\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd"},                                 /* overlong */
        {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},                 /* surrogate */
        {"\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"}, /* above U+10FFFF */
        {"cut off \xe6\x95", "cut off \xef\xbf\xbd\xef\xbf\xbd"},
    };
    _cleanup_profile_ struct profile *profile = profile_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_string_equal(profile_intern(profile, cases[i].bytes), cases[i].repaired);
    assert_string_equal(profile_intern_n(profile, "a\0b", 3), "a\xef\xbf\xbd"
                                                              "b");
}

static void what_is_added_twice_is_found_again(void **state) {
    (void)state;
    _cleanup_profile_ struct profile *profile = make_busy_profile();
    uint32_t n_locations = profile->n_locations;
    assert_int_equal(make_location(profile, "work", 0x10), 0);
    assert_int_equal(profile->n_locations, n_locations);
    assert_int_equal(profile->n_functions, 3);
    assert_int_equal(profile->n_mappings, 1);
    struct profile_mapping mapping = profile->mappings[0];
    mapping.has_functions = false;
    assert_int_equal(profile_add_mapping(profile, &mapping), 0);
    mapping.offset++;
    assert_int_equal(profile_add_mapping(profile, &mapping), 1);
}

static void samples_with_equal_stack_and_labels_add_up(void **state) {
    (void)state;
    _cleanup_profile_ struct profile *profile = make_busy_profile();
    assert_int_equal(profile->n_samples, 3);
    make_sample(profile, 0, 2, 4, "a");
    assert_int_equal(profile->n_samples, 3);
    assert_int_equal(profile->samples[0].values[0], 7);
    assert_int_equal(profile->samples[0].values[1], 70000000);
    assert_int_equal(profile_total(profile, 0, false), 10);
}

static void order_of_labels_makes_no_second_sample(void **state) {
    (void)state;
    _cleanup_profile_ struct profile *profile = make_busy_profile();
    struct profile_label labels[] = {{"b", "x", 0, NULL}, {"a", NULL, 64, "bytes"}, {"empty", "", 0, NULL}};
    struct profile_label reversed[] = {labels[1], labels[0]};
    struct profile_sample sample = {.n_locations = 1, .locations = (uint32_t[]){1}, .values = (int64_t[]){1, 1}};
    sample.labels = labels;
    sample.n_labels = 3;
    assert_int_equal(profile_add_sample(profile, &sample), 0);
    sample.labels = reversed;
    sample.n_labels = 2;
    assert_int_equal(profile_add_sample(profile, &sample), 0);
    assert_int_equal(profile->n_samples, 4);
    assert_int_equal(profile->samples[3].n_labels, 2);
    assert_string_equal(profile->samples[3].labels[0].key, "a");
    assert_int_equal(profile->samples[3].values[0], 2);
}

static void values_stop_at_the_limits(void **state) {
    (void)state;
    _cleanup_profile_ struct profile *profile = make_busy_profile();
    struct profile_sample sample = {
        .n_locations = 1, .locations = (uint32_t[]){1}, .values = (int64_t[]){INT64_MAX, INT64_MIN}};
    profile_add_sample(profile, &sample);
    profile_add_sample(profile, &sample);
    assert_true(profile->samples[3].values[0] == INT64_MAX);
    assert_true(profile->samples[3].values[1] == INT64_MIN);
    assert_true(profile_total(profile, 1, true) == INT64_MAX);
}

static void indexes_that_do_not_exist_are_refused(void **state) {
    (void)state;
    _cleanup_profile_ struct profile *profile = make_busy_profile();
    assert_int_equal(make_sample(profile, 99, 0, 1, NULL), -EINVAL);
    assert_int_equal(profile->error, -EINVAL);
    _cleanup_buffer_ struct buffer data = BUFFER_INIT(0);
    assert_int_equal(profile_encode(profile, &data), -EINVAL);
}

static void the_last_sample_type_is_shown_unless_another_is_named(void **state) {
    (void)state;
    _cleanup_profile_ struct profile *profile = make_profile();
    assert_int_equal(profile_default_sample_type(profile), 1);
    profile->default_sample_type = "samples";
    assert_int_equal(profile_default_sample_type(profile), 0);
    profile->default_sample_type = "nonsense";
    assert_int_equal(profile_default_sample_type(profile), 1);
    assert_int_equal(profile_find_sample_type(profile, "nonsense"), PROFILE_NONE);
    _cleanup_profile_ struct profile *nothing = profile_new();
    assert_int_equal(profile_default_sample_type(nothing), PROFILE_NONE);
}

static void two_hundred_thousand_samples_are_told_apart(void **state) {
    (void)state;
    _cleanup_profile_ struct profile *profile = make_busy_profile();
    for (uint32_t i = 0; i < 200000; i++) {
        struct profile_sample sample = {.n_locations = 3,
                                        .locations = (uint32_t[]){i % 3, i / 3 % 3, 0},
                                        .values = (int64_t[]){1, 1},
                                        .n_labels = 1,
                                        .labels = (struct profile_label[]){{"n", NULL, 1 + i / 9, NULL}}};
        profile_add_sample(profile, &sample);
    }
    assert_int_equal(profile->error, 0);
    assert_int_equal(profile->n_samples, 200003);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_strings_are_interned_once),
        cmocka_unit_test(invalid_utf8_is_replaced),
        cmocka_unit_test(what_is_added_twice_is_found_again),
        cmocka_unit_test(samples_with_equal_stack_and_labels_add_up),
        cmocka_unit_test(order_of_labels_makes_no_second_sample),
        cmocka_unit_test(values_stop_at_the_limits),
        cmocka_unit_test(indexes_that_do_not_exist_are_refused),
        cmocka_unit_test(the_last_sample_type_is_shown_unless_another_is_named),
        cmocka_unit_test(two_hundred_thousand_samples_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
