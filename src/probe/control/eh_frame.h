/* Compile an object's .eh_frame to an unwind table. Ordinary context, but no malloc: the program may hang inside it. */
#ifndef PIKO_PROBE_CONTROL_EH_FRAME_H
#define PIKO_PROBE_CONTROL_EH_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "probe/handler/unwind_table.h"

struct eh_frame_input {
    const uint8_t *header;           /* .eh_frame_hdr, with its sorted table */
    const uint8_t *low, *high;       /* readable memory that it and .eh_frame lie in */
    uint64_t code_start, code_limit; /* addresses of the object's code */
    bool code_readable;              /* prologues may be looked at, for rules' fp_from_sp; read by peek() */
    /* What is given is a copy of the object, whose addresses are higher than its own by this, a multiple of a page: all
     * addresses here are the copy's, those of the table are the object's. */
    uint64_t shift;
    /* Start of a function that stacks begin with although its entry does not say so: it is not called, but "returned"
     * to, so the byte before it counts as it does. 0: none in this object. */
    uint64_t root;
};

struct eh_frame_table {
    struct unwind_object object; /* points into the mapping */
    void *mapping;               /* read-only */
    size_t mapping_bytes;
    uint64_t source_bytes; /* of the entries that it was made from */
    uint32_t functions, rows, rules;
};

/* Functions whose entry is broken or beyond us get no rows or rows that say so. The work is bounded by the size of the
 * input, whatever is in it.
 * Returns 0, -ENOTSUP (no sorted table, or another encoding than all linkers write), -EBADMSG, -E2BIG (more code than
 * UNWIND_CODE_BYTES_MAX), -ENOMEM. On success the caller owns the table. Threads: one at a time. */
int eh_frame_compile(const struct eh_frame_input *input, struct eh_frame_table *ret);

/* Give back the memory that compiling keeps for the next object. */
void eh_frame_release_scratch(void);

/* Unmap it. Takes NULL and a table that is all 0. */
void eh_frame_table_done(struct eh_frame_table *table);

#endif
