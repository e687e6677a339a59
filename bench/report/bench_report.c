/* bench_report FILE MEGABYTES: write a CPU profile of about that size, as a large program makes one: thousands of functions
 * with long names, stacks 10 to 60 frames deep that share their outer part, inlined lines, threads as labels.
 * Always the same for a size. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "profile/profile.h"

#define FUNCTIONS 20000u
#define LOCATIONS 60000u
#define DEPTH_MOST 60u
#define BYTES_A_SAMPLE 41u /* zipped, as measured */

static uint64_t state = 1;

static uint32_t below(uint32_t n) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 33) % n;
}

static void add_functions(struct profile *profile) {
    for (uint32_t i = 0; i < FUNCTIONS; i++) {
        char name[160], file[64];
        snprintf(name, sizeof name, "module_%u::Class_%u<std::allocator<type_%u>>::method_%u(int, char const*)", i % 40,
                 i % 900, i % 77, i);
        snprintf(file, sizeof file, "/src/module_%u/class_%u.cc", i % 40, i % 900);
        profile_add_function(profile, &(struct profile_function){
                                          .name = name, .system_name = "", .filename = file, .start_line = i % 2000});
    }
}

static void add_locations(struct profile *profile) {
    profile_add_mapping(profile, &(struct profile_mapping){.start = 1 << 20,
                                                           .limit = 1u << 30,
                                                           .file = "/usr/bin/server",
                                                           .build_id = "0123456789abcdef",
                                                           .has_functions = true,
                                                           .has_filenames = true,
                                                           .has_line_numbers = true,
                                                           .has_inline_frames = true});
    for (uint32_t i = 0; i < LOCATIONS; i++) {
        struct profile_line lines[3];
        uint32_t n = below(4) ? 1 : 3;
        for (uint32_t j = 0; j < n; j++)
            lines[j] = (struct profile_line){.function = below(FUNCTIONS), .line = 1 + below(3000)};
        profile_add_location(
            profile,
            &(struct profile_location){.mapping = 0, .address = (1 << 20) + i * 64ull, .n_lines = n, .lines = lines});
    }
}

static void add_samples(struct profile *profile, uint32_t n) {
    uint32_t stack[DEPTH_MOST];
    uint32_t outer = 0;
    for (uint32_t i = 0; i < n; i++) {
        char thread[16];
        uint32_t depth = 10 + below(DEPTH_MOST - 10);
        if (i % 20 == 0)
            outer = below(1000);
        for (uint32_t j = 0; j < depth; j++) /* leaf first; the outer half is that of its neighbours */
            stack[j] = j < depth / 3 ? below(LOCATIONS) : (outer * 61 + (depth - j) * 7) % LOCATIONS;
        snprintf(thread, sizeof thread, "%u", 1000 + below(16));
        struct profile_label label = {.key = "thread id", .string = profile_intern(profile, thread)};
        int64_t count = 1 + below(5), values[] = {count, count * 10000000};
        profile_add_sample(
            profile, &(struct profile_sample){
                         .n_locations = depth, .locations = stack, .values = values, .n_labels = 1, .labels = &label});
    }
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: bench_report FILE MEGABYTES\n");
        return 2;
    }
    _cleanup_buffer_ struct buffer file = BUFFER_INIT(0);
    struct profile *profile = profile_new();
    if (!profile)
        return 1;
    profile_add_sample_type(profile, "samples", "count");
    profile_add_sample_type(profile, "cpu", "nanoseconds");
    profile->period_type = (struct profile_value_type){.type = "cpu", .unit = "nanoseconds"};
    profile->period = 10000000;
    profile->time_nanos = 1;
    add_functions(profile);
    add_locations(profile);
    add_samples(profile, (uint32_t)(strtoul(argv[2], NULL, 10) * 1000000 / BYTES_A_SAMPLE));
    int error = profile_encode(profile, &file);
    if (!error)
        error = file_write(argv[1], file.data, file.size, FILE_MODE_CAPTURE);
    printf("%zu samples, %zu bytes\n", profile->n_samples, file.size);
    profile_free(profile);
    return error ? 1 : 0;
}
