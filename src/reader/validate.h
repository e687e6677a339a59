/* The reader's only door to the content of a segment. Its writer may be broken or hostile and goes on writing while we
 * read: the table directory is checked once and kept as a private copy, and every record is copied out first, then
 * checked, then used. Nothing here fails on bad content: it says "not there". */
#ifndef PIKO_READER_VALIDATE_H
#define PIKO_READER_VALIDATE_H

#include "segment/segment.h"

struct view_table {
    const char *entries; /* `count` entries of the size that this version of the layout says, inside the mapping */
    uint32_t count;
};

struct view {
    struct segment *segment; /* its header, counters and mailbox lie inside the mapping */
    size_t bytes;            /* of the mapping */
    uint32_t pid;
    uint32_t quiet; /* A: the target is stopped or gone: nobody waits for its answers */
    struct view_table stack_slots, stack_words, cpu, heap, block, mutex, live, threads, modules, parts, trace_chunks,
        string_bytes;
};

/* 0, or -EBADMSG when magic, version, sizes or the table directory are not those of a segment of `bytes` bytes. */
int view_open(struct segment *segment, size_t bytes, struct view *ret);

/* Whether there may be something at an entry of threads, modules, cpu, heap, block or mutex, `index` below the table's
 * count. Asked before it is looked at, which would commit memory in the target. */
bool view_used(const struct view *view, const struct view_table *table, size_t stride, uint32_t index);

struct view_stack {
    uint32_t n_frames; /* may be 0 */
    bool truncated;
    uint64_t pcs[SEGMENT_STACK_DEPTH_MAX]; /* innermost first */
};

/* Copy the stack of that id. False when there is none: id 0, outside the table, deeper than the limit. */
bool view_stack(const struct view *view, uint32_t id, struct view_stack *ret);

/* Copy a record; `index` below the table's count. False when it was never used or changed hands meanwhile.
 * Strings are terminated. */
bool view_thread(const struct view *view, uint32_t index, struct segment_thread *ret);
bool view_module(const struct view *view, uint32_t index, struct segment_module *ret);

/* Copy the chunk of that index. False when it was never leased, or is being leased anew: its records may then be anybody's. */
bool view_trace_chunk(const struct view *view, uint32_t index, struct segment_trace_chunk *ret);

/* The lease of a chunk and how many of its slots are claimed (as in its `head`), without copying it. */
uint64_t view_trace_head(const struct view *view, uint32_t index);

/* The sequence number of a thread's waits, to be compared with a copy of its record. */
uint64_t view_wait_seq(const struct view *view, uint32_t index);

/* Copy the string of that id; its length. "" when there is none. */
#define VIEW_STRING_BYTES (SEGMENT_STRING_LENGTH_MAX + 1)
uint32_t view_string(const struct view *view, uint32_t id, char ret[VIEW_STRING_BYTES]);

void view_trace(const struct view *view, struct segment_trace *ret);

void view_counters(const struct view *view, struct segment_counters *ret);

/* The rates in force, in one place. */
struct view_rates {
    uint64_t mem_profile_rate_bytes, block_rate_ns, mutex_fraction, cpu_period_ns;
};
struct view_rates view_rates(const struct view *view);

/* Bytes of the mapping that memory stands behind. */
uint64_t view_bytes_used(const struct view *view);

#endif
