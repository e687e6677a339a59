/* Memory that is handed out in small pieces and freed at once. */
#ifndef PIKO_BASE_ARENA_H
#define PIKO_BASE_ARENA_H

#include <stddef.h>

struct arena_chunk;

struct arena {
    struct arena_chunk *chunks; /* newest first; pieces come from it */
    size_t used;                /* bytes of the newest chunk in use */
    size_t total;               /* bytes of all chunks */
    size_t most;                /* bytes it may take from the system; 0 = no limit */
    int error;                  /* first error, sticky: -ENOMEM, or -EFBIG when `most` was reached */
};

/* `size` bytes, aligned for any type, not cleared; NULL on error. */
void *arena_alloc(struct arena *arena, size_t size);
/* A copy of `size` bytes; NULL on error. */
void *arena_copy(struct arena *arena, const void *data, size_t size);
/* Take all pieces back, and keep the newest chunk for the next ones. */
void arena_reset(struct arena *arena);
/* Free everything; the arena is empty and usable afterwards. */
void arena_done(struct arena *arena);

#endif
