/* Profiles made of counter tables: heap, allocs, block, mutex, cpu. */
#ifndef PIKO_READER_COUNTERS_H
#define PIKO_READER_COUNTERS_H

#include "profile/profile.h"
#include "reader/reader.h"
#include "reader/snapshot.h"

struct counters_kind;
extern const struct counters_kind counters_cpu;

/* The kind behind a reader_kind, or NULL where it is not one of counters; its table. */
const struct counters_kind *counters_kind(enum reader_kind kind);
enum snapshot_table counters_table(const struct counters_kind *kind);

/* A symbolized profile of a snapshot: cumulative when `before` is NULL, else what happened since then.
 * Consumes nothing but may change `after`. 0 or -ENOMEM. */
int counters_profile(const struct reader *reader, const struct counters_kind *kind, struct snapshot *after,
                     const struct snapshot *before, struct profile **ret);

#endif
