#include "report/objects.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "report/paths.h"
#include "report/table.h"

/* No function at all, or one that we made up of the object's name: "libz.so.1+0x1234". */
static bool is_unnamed(const struct profile *profile, const struct profile_location *location) {
    if (location->n_lines == 0)
        return true;
    const struct profile_function *function = &profile->functions[location->lines[0].function];
    size_t length;
    const char *base = path_base(profile->mappings[location->mapping].file, &length);
    return function->name[0] == '\0' || (length > 0 && strncmp(function->name, base, length) == 0 &&
                                         strncmp(function->name + length, "+0x", 3) == 0);
}

int object_shares_make(const struct profile *profile, uint32_t sample_type, struct object_shares *ret) {
    struct object_shares shares = {.of = calloc((size_t)profile->n_mappings + 1, sizeof(*shares.of)),
                                   .total = table_whole(profile, sample_type)};
    if (!shares.of)
        return -ENOMEM;
    for (size_t i = 0; i < profile->n_samples; i++) {
        const struct profile_sample *sample = &profile->samples[i];
        if (sample->n_locations == 0)
            continue;
        const struct profile_location *leaf = &profile->locations[sample->locations[0]];
        if (leaf->mapping == PROFILE_NONE)
            continue;
        struct object_share *share = &shares.of[leaf->mapping];
        uint64_t value = (uint64_t)sample->values[sample_type];
        share->flat = (int64_t)((uint64_t)share->flat + value);
        if (is_unnamed(profile, leaf))
            share->unnamed = (int64_t)((uint64_t)share->unnamed + value);
    }
    *ret = shares;
    return 0;
}

void object_shares_done(struct object_shares *shares) {
    free(shares->of);
    *shares = (struct object_shares){0};
}

struct object_share object_share(const struct object_shares *shares, const struct profile *profile, const char *file) {
    struct object_share ret = {0};
    for (uint32_t i = 0; i < profile->n_mappings; i++) {
        if (strcmp(profile->mappings[i].file, file) != 0)
            continue;
        ret.flat += shares->of[i].flat;
        ret.unnamed += shares->of[i].unnamed;
    }
    return ret;
}
