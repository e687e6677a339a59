/* Small profiles for the tests of this folder. */
#ifndef PIKO_TESTS_PROFILE_MAKE_H
#define PIKO_TESTS_PROFILE_MAKE_H

/* cmocka.h needs the others before it. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
/* clang-format on */

#include "base/cleanup.h"
#include "profile/profile.h"

#define MAIN_START 0x400000u
#define TIME_NANOS 1700000000000000000

/* A CPU profile with a mapping and no sample. */
static inline struct profile *make_profile(void) {
    struct profile *profile = profile_new();
    assert_non_null(profile);
    profile_add_sample_type(profile, "samples", "count");
    profile_add_sample_type(profile, "cpu", "nanoseconds");
    profile->period_type = (struct profile_value_type){"cpu", "nanoseconds"};
    profile->period = 10000000;
    profile->time_nanos = TIME_NANOS;
    profile->duration_nanos = 5000000000;
    profile_add_mapping(profile, &(struct profile_mapping){.start = MAIN_START,
                                                           .limit = MAIN_START + 0x10000,
                                                           .offset = 0x1000,
                                                           .file = "/usr/bin/server",
                                                           .build_id = "abcd0123",
                                                           .has_functions = true,
                                                           .has_filenames = true,
                                                           .has_line_numbers = true});
    return profile;
}

/* A function of that name with a location of its own, at `offset` in the first mapping. */
static inline uint32_t make_location(struct profile *profile, const char *name, uint64_t offset) {
    uint32_t function = profile_add_function(
        profile, &(struct profile_function){.name = name, .system_name = name, .filename = "/src/server.c"});
    return profile_add_location(profile, &(struct profile_location){.mapping = 0,
                                                                    .address = profile->mappings[0].start + offset,
                                                                    .n_lines = 1,
                                                                    .lines = (struct profile_line[]){{function, 42}}});
}

/* A sample of one CPU tick `count` times, with a label when `thread` is given. */
static inline int make_sample(struct profile *profile, uint32_t leaf, uint32_t caller, int64_t count,
                              const char *thread) {
    return profile_add_sample(
        profile, &(struct profile_sample){.n_locations = 2,
                                          .locations = (uint32_t[]){leaf, caller},
                                          .values = (int64_t[]){count, (int64_t)((uint64_t)count * 10000000)},
                                          .n_labels = thread ? 1 : 0,
                                          .labels = (struct profile_label[]){{"thread_name", thread, 0, NULL}}});
}

/* main calls work (3 ticks in thread a, 2 in thread b) and idle (1). */
static inline struct profile *make_busy_profile(void) {
    struct profile *profile = make_profile();
    uint32_t work = make_location(profile, "work", 0x10), idle = make_location(profile, "idle", 0x20);
    uint32_t main_ = make_location(profile, "main", 0x30);
    make_sample(profile, work, main_, 3, "a");
    make_sample(profile, work, main_, 2, "b");
    make_sample(profile, idle, main_, 1, NULL);
    assert_int_equal(profile->error, 0);
    return profile;
}

static inline void cleanup_profile(struct profile **profile) {
    profile_free(*profile);
}
#define _cleanup_profile_ _cleanup_(cleanup_profile)

/* Encode and decode. */
static inline struct profile *make_again(const struct profile *profile) {
    _cleanup_buffer_ struct buffer data = BUFFER_INIT(0);
    char why[200] = "";
    struct profile *again = NULL;
    assert_int_equal(profile_encode(profile, &data), 0);
    int error = profile_decode(data.data, data.size, &again, why, sizeof why);
    assert_string_equal(why, "");
    assert_int_equal(error, 0);
    return again;
}

#endif
