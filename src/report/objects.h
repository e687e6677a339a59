/* How much of a profile is in each program file and library, and how much of that has no name. */
#ifndef PIKO_REPORT_OBJECTS_H
#define PIKO_REPORT_OBJECTS_H

#include <stdint.h>

#include "profile/profile.h"

struct object_share {
    int64_t flat;    /* of samples that end in it */
    int64_t unnamed; /* of these, in code that no symbol covers */
};

struct object_shares {
    struct object_share *of; /* per mapping of the profile */
    int64_t total;           /* of the whole profile */
};

/* 0 or -ENOMEM. Freed by object_shares_done(). */
int object_shares_make(const struct profile *profile, uint32_t sample_type, struct object_shares *ret);
void object_shares_done(struct object_shares *shares);

/* Of all mappings of that file. */
struct object_share object_share(const struct object_shares *shares, const struct profile *profile, const char *file);

#endif
