#include "base/arena.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ALIGNMENT _Alignof(max_align_t)
#define CHUNK_BYTES_FIRST ((size_t)4 << 10)
#define CHUNK_BYTES_MOST ((size_t)1 << 20)

struct arena_chunk {
    struct arena_chunk *next;
    size_t space; /* bytes of data */
    _Alignas(max_align_t) char data[];
};

static int add_chunk(struct arena *arena, size_t needed) {
    /* Chunks grow with the arena: a small one costs little, a large one few calls. */
    size_t space = arena->total < CHUNK_BYTES_FIRST ? CHUNK_BYTES_FIRST : arena->total;
    if (space > CHUNK_BYTES_MOST)
        space = CHUNK_BYTES_MOST;
    if (space < needed)
        space = needed;
    if (arena->most && (space > arena->most || arena->total > arena->most - space))
        return -EFBIG;
    struct arena_chunk *chunk = malloc(sizeof *chunk + space);
    if (!chunk)
        return -ENOMEM;
    chunk->next = arena->chunks;
    chunk->space = space;
    arena->chunks = chunk;
    arena->used = 0;
    arena->total += space;
    return 0;
}

void *arena_alloc(struct arena *arena, size_t size) {
    if (arena->error)
        return NULL;
    if (size > PTRDIFF_MAX / 2) {
        arena->error = -ENOMEM;
        return NULL;
    }
    size = (size + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
    if (!arena->chunks || arena->chunks->space - arena->used < size) {
        arena->error = add_chunk(arena, size);
        if (arena->error)
            return NULL;
    }
    void *piece = arena->chunks->data + arena->used;
    arena->used += size;
    return piece;
}

void *arena_copy(struct arena *arena, const void *data, size_t size) {
    void *piece = arena_alloc(arena, size);
    if (piece && size)
        memcpy(piece, data, size);
    return piece;
}

static void free_chunks(struct arena_chunk *chunk) {
    for (struct arena_chunk *next; chunk; chunk = next) {
        next = chunk->next;
        free(chunk);
    }
}

void arena_reset(struct arena *arena) {
    arena->used = 0;
    if (!arena->chunks)
        return;
    free_chunks(arena->chunks->next);
    arena->chunks->next = NULL;
    arena->total = arena->chunks->space;
}

void arena_done(struct arena *arena) {
    free_chunks(arena->chunks);
    *arena = (struct arena){.most = arena->most};
}
