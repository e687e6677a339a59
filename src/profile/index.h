/* What is behind struct profile's `index`, and the builders for strings that are interned already. Private to the
 * profile layer. */
#ifndef PIKO_PROFILE_INDEX_H
#define PIKO_PROFILE_INDEX_H

#include "base/arena.h"
#include "base/hash.h"
#include "base/string_set.h"
#include "profile/profile.h"

struct profile_index {
    struct string_set strings;
    struct arena arena; /* lines, stacks, values, labels */
    struct hash_table mappings, functions, locations, samples;
    uint32_t mappings_space, functions_space, locations_space, samples_space, comments_space;
};

/* As the profile_add_… builders, but each string must be one that this profile's profile_intern() gave. A sample's
 * labels may be reordered in place; its n_labels is at most PROFILE_LABELS_MAX. */
uint32_t profile_place_mapping(struct profile *profile, const struct profile_mapping *mapping);
uint32_t profile_place_function(struct profile *profile, const struct profile_function *function);
uint32_t profile_place_location(struct profile *profile, const struct profile_location *location);
int profile_place_sample(struct profile *profile, const struct profile_sample *sample);

/* a + b, held at the limits of int64. */
static inline int64_t profile_add_values(int64_t a, int64_t b) {
    int64_t sum;
    if (!__builtin_add_overflow(a, b, &sum))
        return sum;
    return a < 0 ? INT64_MIN : INT64_MAX;
}

#endif
