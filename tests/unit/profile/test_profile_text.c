#include <errno.h>

#include "make.h"

static void assert_text(const struct profile *profile, enum profile_text_kind kind, const char *name,
                        const char *expected) {
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(0);
    assert_int_equal(profile_write_text(profile, kind, name, &text), 0);
    assert_string_equal(text.data, expected);
}

static struct profile *make_typed(const char *const *types, uint32_t n, int64_t period) {
    struct profile *profile = make_profile();
    profile->n_sample_types = 0;
    for (uint32_t i = 0; i < n; i++)
        profile_add_sample_type(profile, types[i], "count");
    profile->period = period;
    make_location(profile, "work", 0x10);
    make_location(profile, "a_function_with_a_longer_name", 0x20);
    profile_add_location(profile, &(struct profile_location){.mapping = 0, .address = MAIN_START + 0x30});
    profile->locations[0].function_start = MAIN_START + 8;
    return profile;
}

static void counts_come_with_the_most_first(void **state) {
    (void)state;
    _cleanup_profile_ struct profile *profile = make_typed((const char *const[]){"goroutine"}, 1, 1);
    struct profile_sample sample = {.n_locations = 2, .locations = (uint32_t[]){0, 1}, .values = (int64_t[]){1}};
    profile_add_sample(profile, &sample);
    sample.values[0] = 2;
    sample.n_labels = 1;
    sample.labels = (struct profile_label[]){{"thread_name", "wor\"ker\n", 0, NULL}};
    profile_add_sample(profile, &sample);
    assert_text(profile, PROFILE_TEXT_COUNT, "goroutine",
                "goroutine profile: total 3\n"
                "2 @ 0x400011 0x400021\n"
                "# labels: {\"thread_name\":\"wor\\\"ker\\n\"}\n"
                "#\t0x400010\twork+0x8\t\t\t/src/server.c:42\n"
                "#\t0x400020\ta_function_with_a_longer_name\t/src/server.c:42\n\n"
                "1 @ 0x400011 0x400021\n"
                "#\t0x400010\twork+0x8\t\t\t/src/server.c:42\n"
                "#\t0x400020\ta_function_with_a_longer_name\t/src/server.c:42\n\n");
}

static void an_address_without_name_breaks_the_columns(void **state) {
    (void)state;
    _cleanup_profile_ struct profile *profile = make_typed((const char *const[]){"threadcreate"}, 1, 1);
    profile_add_sample(profile, &(struct profile_sample){
                                    .n_locations = 3, .locations = (uint32_t[]){0, 2, 1}, .values = (int64_t[]){4}});
    assert_text(profile, PROFILE_TEXT_COUNT, "threadcreate",
                "threadcreate profile: total 4\n"
                "4 @ 0x400011 0x400031 0x400021\n"
                "#\t0x400010\twork+0x8\t/src/server.c:42\n"
                "#\t0x400030\n"
                "#\t0x400020\ta_function_with_a_longer_name\t/src/server.c:42\n\n");
}

static void a_frame_without_address_has_none(void **state) {
    (void)state;
    _cleanup_profile_ struct profile *profile = make_typed((const char *const[]){"threadcreate"}, 1, 1);
    profile->locations[2].address = 0;
    profile_add_sample(
        profile, &(struct profile_sample){.n_locations = 1, .locations = (uint32_t[]){2}, .values = (int64_t[]){4}});
    assert_text(profile, PROFILE_TEXT_COUNT, "threadcreate", "threadcreate profile: total 4\n4 @ 0x0\n#\t0x0\n\n");
}

static void contentions_come_with_the_longest_first(void **state) {
    (void)state;
    _cleanup_profile_ struct profile *profile = make_typed((const char *const[]){"contentions", "delay"}, 2, 10);
    struct profile_sample sample = {.n_locations = 1, .locations = (uint32_t[]){2}, .values = (int64_t[]){20, 100}};
    profile_add_sample(profile, &sample);
    sample.locations[0] = 0;
    sample.values[1] = 300;
    profile_add_sample(profile, &sample);
    assert_text(profile, PROFILE_TEXT_MUTEX, NULL,
                "--- mutex:\ncycles/second=1000000000\nsampling period=10\n"
                "30 2 @ 0x400011\n#\t0x400010\twork+0x8\t/src/server.c:42\n\n"
                "10 2 @ 0x400031\n#\t0x400030\n\n");
    assert_text(profile, PROFILE_TEXT_BLOCK, NULL,
                "--- contention:\ncycles/second=1000000000\n"
                "300 20 @ 0x400011\n#\t0x400010\twork+0x8\t/src/server.c:42\n\n"
                "100 20 @ 0x400031\n#\t0x400030\n\n");
}

/* 1 object of 512 bytes at rate 1024 stands for 1/(1 - exp(-0.5)) = 2.54 objects, 1301 bytes. */
static void the_heap_form_has_what_was_sampled(void **state) {
    (void)state;
    const char *const types[] = {"alloc_objects", "alloc_space", "inuse_objects", "inuse_space"};
    _cleanup_profile_ struct profile *profile = make_typed(types, 4, 1024);
    struct profile_sample sample = {.n_locations = 1,
                                    .locations = (uint32_t[]){0},
                                    .values = (int64_t[]){5, 2602, 2, 1301},
                                    .n_labels = 1,
                                    .labels = (struct profile_label[]){{"bytes", NULL, 512, "bytes"}}};
    profile_add_sample(profile, &sample);
    sample =
        (struct profile_sample){.n_locations = 1, .locations = (uint32_t[]){2}, .values = (int64_t[]){1, 70000, 0, 0}};
    profile_add_sample(profile, &sample);
    assert_text(profile, PROFILE_TEXT_HEAP, NULL,
                "heap profile: 1: 512 [3: 71024] @ heap/2048\n"
                "0: 0 [1: 70000] @ 0x400031\n#\t0x400030\n\n"
                "1: 512 [2: 1024] @ 0x400011\n#\t0x400010\twork+0x8\t/src/server.c:42\n\n"
                "\n# runtime.MemStats\n# Alloc = 1301\n# TotalAlloc = 72602\n# Mallocs = 6\n# Frees = 4\n"
                "# HeapAlloc = 1301\n# HeapObjects = 2\n");
}

static void a_profile_of_another_kind_is_refused(void **state) {
    (void)state;
    _cleanup_profile_ struct profile *profile = make_busy_profile();
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(0);
    assert_int_equal(profile_write_text(profile, PROFILE_TEXT_HEAP, NULL, &text), -EINVAL);
    assert_int_equal(profile_write_text(profile, PROFILE_TEXT_BLOCK, NULL, &text), -EINVAL);
    assert_int_equal(text.size, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_come_with_the_most_first),
        cmocka_unit_test(an_address_without_name_breaks_the_columns),
        cmocka_unit_test(a_frame_without_address_has_none),
        cmocka_unit_test(contentions_come_with_the_longest_first),
        cmocka_unit_test(the_heap_form_has_what_was_sampled),
        cmocka_unit_test(a_profile_of_another_kind_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
