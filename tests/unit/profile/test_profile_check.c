#include <errno.h>

#include "make.h"

#define assert_invalid(profile, sentence)                                                                              \
    do {                                                                                                               \
        char why_[200] = "";                                                                                           \
        assert_int_equal(profile_check((profile), false, why_, sizeof why_), -EBADMSG);                                \
        assert_string_equal(why_, (sentence));                                                                         \
    } while (0)

static int setup(void **state) {
    *state = make_busy_profile();
    return 0;
}

static int teardown(void **state) {
    profile_free(*state);
    return 0;
}

static void a_good_profile_is_valid(void **state) {
    char why[200] = "";
    assert_int_equal(profile_check(*state, false, why, sizeof why), 0);
    assert_string_equal(why, "");
}

static void a_negative_value_is_valid_in_a_diff_alone(void **state) {
    struct profile *profile = *state;
    profile->samples[0].values[1] = -1;
    assert_invalid(profile, "a sample has the negative value -1 of cpu");
    assert_int_equal(profile_check(profile, true, NULL, 0), 0);
}

static void a_header_must_be_complete(void **state) {
    struct profile *profile = *state;
    profile->time_nanos = 0;
    assert_invalid(profile, "time_nanos is not set");
    profile->time_nanos = 1;
    profile->default_sample_type = "wall";
    assert_invalid(profile, "default_sample_type wall is none of the sample types");
    profile->default_sample_type = "";
    profile->period_type.unit = NULL;
    assert_invalid(profile, "a period has no type or no unit");
    profile->period = 0;
    profile->sample_types[1] = profile->sample_types[0];
    assert_invalid(profile, "two sample types are named samples");
    profile->n_sample_types = 0;
    assert_invalid(profile, "there is no sample type");
}

static void addresses_belong_into_their_mapping(void **state) {
    struct profile *profile = *state;
    profile->locations[1].address = MAIN_START + 0x10000;
    assert_invalid(profile, "address 0x410000 is outside its mapping /usr/bin/server");
    profile->locations[1].mapping = PROFILE_NONE;
    assert_int_equal(profile_check(profile, false, NULL, 0), 0);
    profile->mappings[0].limit = MAIN_START;
    assert_invalid(profile, "mapping 1 ends at 0x400000, not above its start 0x400000");
}

static void names_and_text_must_be_there_and_valid(void **state) {
    struct profile *profile = *state;
    profile->functions[1].name = "";
    assert_invalid(profile, "function 2 has no name");
    profile->functions[1].name = "caf\xe9";
    assert_invalid(profile, "a function's name is no valid UTF-8");
}

static void dangling_indexes_are_invalid(void **state) {
    struct profile *profile = *state;
    profile->locations[1].lines[0].function = 9;
    assert_invalid(profile, "location 2 has a line without function");
    profile->locations[1].n_lines = 0;
    profile->locations[1].mapping = 9;
    assert_invalid(profile, "location 2 is in a mapping that does not exist");
    profile->locations[1].mapping = 0;
    profile->samples[0].locations[0] = 9;
    assert_invalid(profile, "a sample has a location that does not exist");
}

static void add_labels(struct profile *profile, uint32_t n, struct profile_label *labels) {
    profile_add_sample(profile, &(struct profile_sample){.n_locations = 1,
                                                         .locations = (uint32_t[]){0},
                                                         .values = (int64_t[]){1, 1},
                                                         .n_labels = n,
                                                         .labels = labels});
}

static void a_key_has_one_value_in_a_sample(void **state) {
    add_labels(*state, 3, (struct profile_label[]){{"k", "x", 0, NULL}, {"j", "x", 0, NULL}, {"k", "y", 0, NULL}});
    assert_invalid(*state, "a sample has two labels with the key k");
}

static void a_key_is_a_string_or_a_number_everywhere(void **state) {
    add_labels(*state, 1, (struct profile_label[]){{"thread_name", NULL, 7, NULL}});
    assert_invalid(*state, "the label thread_name is a string in one sample and a number in another");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_good_profile_is_valid),
        TEST(a_negative_value_is_valid_in_a_diff_alone),
        TEST(a_header_must_be_complete),
        TEST(addresses_belong_into_their_mapping),
        TEST(names_and_text_must_be_there_and_valid),
        TEST(dangling_indexes_are_invalid),
        TEST(a_key_has_one_value_in_a_sample),
        TEST(a_key_is_a_string_or_a_number_everywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
