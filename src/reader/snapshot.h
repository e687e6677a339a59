/* The raw content of one counter table at one moment: cheap to take, small to keep, and the difference of two of them is
 * exact, since raw counters only grow (what is derived from them, such as unsampled values, would not subtract). */
#ifndef PIKO_READER_SNAPSHOT_H
#define PIKO_READER_SNAPSHOT_H

#include "reader/validate.h"

enum snapshot_table { SNAPSHOT_CPU, SNAPSHOT_HEAP, SNAPSHOT_BLOCK, SNAPSHOT_MUTEX };

/* What value[] holds. */
enum { SNAPSHOT_ALLOC_COUNT, SNAPSHOT_ALLOC_BYTES, SNAPSHOT_FREE_COUNT, SNAPSHOT_FREE_BYTES }; /* heap */
enum { SNAPSHOT_COUNT, SNAPSHOT_NS };                                                          /* cpu, block, mutex */
#define SNAPSHOT_VALUES 4u

struct snapshot_row {
    uint32_t bucket; /* its index in the table; rows ascend by it */
    uint32_t thread; /* cpu: index of the thread record */
    uint64_t key;    /* as in the bucket: segment_key_stack(), … */
    uint64_t rate;   /* heap: sampling rate, at least 1 */
    uint64_t mean;   /* heap: average object size over the bucket's whole life, bytes */
    uint64_t lock;   /* block, mutex: its address; 0 = none that is told apart */
    uint64_t value[SNAPSHOT_VALUES];
};

struct snapshot {
    enum snapshot_table table;
    struct snapshot_row *rows;
    size_t n_rows;
    struct segment_counters counters;
    uint64_t cpu_epoch;     /* from before the first row was read */
    uint64_t cpu_period_ns; /* what a sample stands for in the profile made of it */
    uint64_t monotonic_ns, realtime_ns;
};

/* 0 or -ENOMEM. snapshot_done() frees the content. */
int snapshot_take(const struct view *view, enum snapshot_table table, struct snapshot *ret);
void snapshot_done(struct snapshot *snapshot);

/* after -= before, of the same table. Rows in which nothing happened go. When the CPU table was cleared in between,
 * `before` counts for nothing in it. */
void snapshot_subtract(struct snapshot *after, const struct snapshot *before);

/* Rows that a snapshot would have now. */
uint64_t snapshot_count(const struct view *view, enum snapshot_table table);

#endif
