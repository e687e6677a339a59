/* Batches of Go's trace format: the events of one OS thread, or a table, up to 64 KiB with a header of their own.
 * Private to the trace layer. */
#ifndef PIKO_TRACE_BATCHES_H
#define PIKO_TRACE_BATCHES_H

#include <stdint.h>
#include <string.h>

#include "base/buffer.h"

#define BATCH_BYTES_MAX ((size_t)64 << 10)
#define BATCH_NO_THREAD UINT64_MAX
#define VARINT_BYTES_MAX 10u

/* A batch that is being filled. */
struct batch {
    char *data; /* NULL before the first event */
    size_t size, space;
    uint64_t tick;      /* of its header */
    uint64_t last_tick; /* of its last event */
};

/* Unsigned LEB128. Returns the end of what was written, at most VARINT_BYTES_MAX bytes. */
static inline char *varint_put(char *to, uint64_t value) {
    for (; value >= 0x80; value >>= 7)
        *to++ = (char)(value | 0x80);
    *to++ = (char)value;
    return to;
}

/* Room for `size` more bytes (at most BATCH_BYTES_MAX) at the batch's end, which the caller adds to batch->size; NULL
 * when memory ran out. A batch that would grow too large is moved to `ret` before, and goes on empty. */
char *batch_room(struct batch *batch, size_t size, uint64_t generation, uint64_t thread, struct buffer *ret);

/* Move what is in the batch to `ret`, if there is anything. The error is the buffer's. */
void batch_close(struct batch *batch, uint64_t generation, uint64_t thread, struct buffer *ret);
void batch_done(struct batch *batch);

#endif
