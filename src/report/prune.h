/* drop_frames and keep_frames: which frames of a profile pprof leaves out before it counts anything.
 *
 * A frame whose simplified name (no parameters) matches drop_frames as a whole, and not keep_frames, goes, with
 * everything that it called, unless no ordinary frame is above it. Lines that were inlined into such a function
 * inside one location go from that location wherever it is used. Expressions that don't compile drop nothing. */
#ifndef PIKO_REPORT_PRUNE_H
#define PIKO_REPORT_PRUNE_H

#include <stdint.h>

#include "profile/profile.h"

struct pruning {
    uint32_t *n_inner; /* per location: innermost lines that are left out; NULL = nothing is dropped anywhere */
    uint8_t *cut;      /* per location: enum pruning_cut */
};

/* 0 or -ENOMEM. Freed by pruning_done(). */
int pruning_make(const struct profile *profile, struct pruning *ret);
void pruning_done(struct pruning *pruning);

/* Innermost lines of that location that are left out. */
uint32_t pruning_inner_lines(const struct pruning *pruning, uint32_t location);

/* Index into sample->locations of the leaf that is left; those before it are left out. */
uint32_t pruning_leaf(const struct pruning *pruning, const struct profile_sample *sample);

#endif
