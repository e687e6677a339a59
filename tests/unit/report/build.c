#include "build.h"

#include <stdlib.h>
#include <string.h>

static uint32_t add_function(struct profile *profile, const char *name, const char *file) {
    return profile_add_function(
        profile, &(struct profile_function){.name = name, .system_name = name, .filename = file, .start_line = 1});
}

static struct profile_line parse_line(struct profile *profile, char *frame) {
    char *file = strrchr(frame, ' '), *line = strrchr(frame, ':');
    if (!file || !line || line < file)
        return (struct profile_line){.function = add_function(profile, frame, "")};
    *file++ = *line++ = '\0';
    return (struct profile_line){.function = add_function(profile, frame, file), .line = atoi(line)};
}

/* Locations that differ in text alone get addresses of their own. */
static uint64_t address_of(const char *frame) {
    uint64_t hash = 5381;
    for (; *frame; frame++)
        hash = hash * 33 + (unsigned char)*frame;
    return 0x400000 + hash % 0x100000;
}

static uint32_t add_location(struct profile *profile, const char *frame) {
    struct profile_line lines[BUILD_FRAMES_MAX];
    uint32_t n = 0;
    char *copy = strdup(frame);
    for (char *at = copy; at && *at && n < BUILD_FRAMES_MAX;) {
        char *next = strstr(at, " < ");
        if (next) {
            *next = '\0';
            next += 3;
        }
        lines[n++] = parse_line(profile, at);
        at = next;
    }
    free(copy);
    return profile_add_location(
        profile, &(struct profile_location){.mapping = 0, .address = address_of(frame), .n_lines = n, .lines = lines});
}

void build_sample(struct profile *profile, const int64_t *values, const char *const *stack) {
    uint32_t locations[BUILD_FRAMES_MAX], n = 0;
    int64_t own_values[PROFILE_SAMPLE_TYPES_MAX];
    while (stack[n] && n < BUILD_FRAMES_MAX) {
        locations[n] = add_location(profile, stack[n]);
        n++;
    }
    memcpy(own_values, values, profile->n_sample_types * sizeof(*values));
    profile_add_sample(profile,
                       &(struct profile_sample){.n_locations = n, .locations = locations, .values = own_values});
}

struct profile *build_profile(const char *type, const char *unit) {
    struct profile *profile = profile_new();
    profile_add_sample_type(profile, type, unit);
    profile_add_mapping(
        profile,
        &(struct profile_mapping){
            .start = 0x400000, .limit = 0x500000, .file = "/usr/bin/site", .build_id = "ab", .has_functions = true});
    return profile;
}
