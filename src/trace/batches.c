#include "trace/batches.h"

#include <stdlib.h>

#define EVENT_BATCH 1
#define BATCH_BYTES_FIRST ((size_t)512)

char *batch_room(struct batch *batch, size_t size, uint64_t generation, uint64_t thread, struct buffer *ret) {
    if (batch->size + size > BATCH_BYTES_MAX)
        batch_close(batch, generation, thread, ret);
    if (batch->size + size > batch->space) {
        size_t space = batch->space ? batch->space : BATCH_BYTES_FIRST;
        while (space < batch->size + size)
            space *= 2;
        char *data = realloc(batch->data, space);
        if (!data)
            return NULL;
        batch->data = data;
        batch->space = space;
    }
    return batch->data + batch->size;
}

void batch_close(struct batch *batch, uint64_t generation, uint64_t thread, struct buffer *ret) {
    if (!batch->size)
        return;
    char header[1 + 4 * VARINT_BYTES_MAX] = {EVENT_BATCH}, *end = header + 1;
    end = varint_put(end, generation);
    end = varint_put(end, thread);
    end = varint_put(end, batch->tick);
    end = varint_put(end, batch->size);
    buffer_add(ret, header, (size_t)(end - header));
    buffer_add(ret, batch->data, batch->size);
    batch->size = 0;
}

void batch_done(struct batch *batch) {
    free(batch->data);
    *batch = (struct batch){0};
}
