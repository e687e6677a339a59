/* random_profile SEED FILE: write a small profile in which everything that makes tables differ happens often: inlined
 * lines, recursion, one name in several files, paths of one meaning, frames without a name, dropped frames, negative
 * values, labels. Odd seeds drop frames, every fourth (3, 7, …) is a difference with a marked base.
 * Always the same for a seed. */
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "profile/profile.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static uint64_t state;

static uint32_t below(uint32_t n) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 33) % n;
}

static void add_mappings(struct profile *profile) {
    static const char *const files[] = {"/usr/bin/site", "/usr/lib/libone.so", "/opt/lib/libone.so", ""};
    for (uint32_t i = 0; i < COUNT(files); i++)
        profile_add_mapping(profile, &(struct profile_mapping){.start = (i + 1) << 28,
                                                               .limit = ((i + 1) << 28) + (1 << 20),
                                                               .file = files[i],
                                                               .build_id = "",
                                                               .has_functions = true});
}

static void add_functions(struct profile *profile) {
    static const char *const names[] = {"main",
                                        "render",
                                        "std::vector<int, std::allocator<int> >::push_back(int&&)",
                                        "piko_hook(x)",
                                        "piko_hook_inner",
                                        "piko_hook_kept",
                                        "operator()",
                                        "lock",
                                        "ns::(anonymous namespace)::f(int)",
                                        ""};
    static const char *const files[] = {"/src/a.c", "/src//x/../a.c",         "b/./c.c", "b/c.c",
                                        "",         "/proc/self/cwd/lib/d.c", "lib/d.c"};
    for (uint32_t i = 0; i < 24; i++) {
        const char *name = names[below(COUNT(names))];
        profile_add_function(profile, &(struct profile_function){.name = name,
                                                                 .system_name = name,
                                                                 .filename = files[below(COUNT(files))],
                                                                 .start_line = below(3)});
    }
}

static void add_locations(struct profile *profile) {
    for (uint32_t i = 0; i < 60; i++) {
        struct profile_line lines[4];
        uint32_t mapping = below(4), n_lines = below(8) ? 1 + below(4) : 0;
        for (uint32_t line = 0; line < n_lines; line++)
            lines[line] = (struct profile_line){.function = below(profile->n_functions), .line = below(4)};
        profile_add_location(profile, &(struct profile_location){.mapping = mapping,
                                                                 .address = profile->mappings[mapping].start + 16 * i,
                                                                 .n_lines = n_lines,
                                                                 .lines = lines});
    }
}

static void add_samples(struct profile *profile, bool is_diff) {
    for (uint32_t i = 0; i < 200; i++) {
        uint32_t locations[12], n_locations = below(12);
        for (uint32_t depth = 0; depth < n_locations; depth++)
            locations[depth] = below(profile->n_locations);
        int64_t values[2] = {(int64_t)below(50) - 10, (int64_t)below(4000000) - 1000000};
        struct profile_label label = {.key = "thread", .string = below(2) ? "one" : "two", .unit = ""};
        if (is_diff && below(2))
            label = (struct profile_label){.key = "pprof::base", .string = "true", .unit = ""};
        profile_add_sample(profile, &(struct profile_sample){.n_locations = n_locations,
                                                             .locations = locations,
                                                             .values = values,
                                                             .n_labels = below(2),
                                                             .labels = &label});
    }
}

int main(int argc, char **argv) {
    struct profile *profile = profile_new();
    struct buffer data = BUFFER_INIT(0);
    if (argc != 3 || !profile)
        return 2;
    uint64_t seed = strtoull(argv[1], NULL, 10);
    state = seed;
    profile_add_sample_type(profile, "samples", "count");
    profile_add_sample_type(profile, "cpu", "nanoseconds");
    add_mappings(profile);
    add_functions(profile);
    add_locations(profile);
    add_samples(profile, /* is_diff= */ seed % 4 == 3);
    profile->time_nanos = 1700000000000000000;
    if (seed % 2) {
        profile->drop_frames = profile_intern(profile, "piko_.*|lock|ns::.anonymous namespace.::f");
        profile->keep_frames = profile_intern(profile, "piko_hook_kept");
    }
    int error = profile->error ? profile->error : profile_encode(profile, &data);
    if (!error)
        error = file_write(argv[2], data.data, data.size, 0600);
    buffer_done(&data);
    profile_free(profile);
    return error ? 1 : 0;
}
