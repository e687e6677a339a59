/* Puts a profile together: the stacks are gathered, resolved in one go, then the samples are added.
 * Order of calls: init, want_stack…, resolve, the rest, take. */
#ifndef PIKO_READER_BUILD_H
#define PIKO_READER_BUILD_H

#include "profile/profile.h"
#include "reader/places.h"

/* Names of the functions that stand for what is not there, so that totals stay honest and nobody has to guess. */
#define BUILD_LOST "lost"           /* samples that found no room in the target's tables */
#define BUILD_TRUNCATED "truncated" /* at the root end of a stack that was deeper, or could not be walked to its end */
#define BUILD_UNKNOWN "unknown"     /* a thread whose stack could not be had; a creator from before our time */

#define BUILD_COMMENT "build: " /* before a sentence on how a file was built */

struct build {
    const struct reader *reader;
    struct places places;
    struct profile *profile; /* has time, types and rates still to be set by the caller */
};

/* 0 or -ENOMEM. build_done() frees what is left, also after a failure. */
int build_init(const struct reader *reader, struct build *ret);
void build_done(struct build *build);
int build_want_stack(struct build *build, uint32_t stack);
int build_resolve(struct build *build);

#define BUILD_LABELS_MAX (4u + SEGMENT_LABELS_MAX)

/* A sample at a stack, whose places were wanted before; at `otherwise` alone when that is NULL. */
int build_sample_of(struct build *build, const struct view_stack *frames, const char *otherwise, int64_t *values,
                    const struct profile_label *labels, uint32_t n_labels);

/* A sample at a stack; at `otherwise` alone when there is no such stack. `values`: one for each sample type. Labels:
 * BUILD_LABELS_MAX at most; those of the process are added. */
int build_sample(struct build *build, uint32_t stack, const char *otherwise, int64_t *values,
                 const struct profile_label *labels, uint32_t n_labels);

/* A sample of one made-up function, unless its values are all 0. */
int build_synthetic(struct build *build, const char *name, int64_t *values);

/* Rates, losses, own cost: what a reader of the profile should know about how it came to be. */
void build_comments(struct build *build, const struct segment_counters *counters);

/* The finished profile, now the caller's. 0 or -ENOMEM. */
int build_take(struct build *build, struct profile **ret);

#endif
