/* A growable byte buffer with a ceiling: it is made with the most that it may ever hold. */
#ifndef PIKO_BASE_BUFFER_H
#define PIKO_BASE_BUFFER_H

#include <stdarg.h>
#include <stddef.h>

struct buffer {
    char *data;   /* always NUL-terminated once anything was added; NULL before */
    size_t size;  /* bytes in use, the NUL not counted */
    size_t space; /* bytes allocated */
    size_t most;  /* bytes it may hold; 0 = no limit */
    int error; /* first error (-ENOMEM, -EFBIG), sticky: later additions do nothing, so one check at the end is enough */
};

/* Static initialiser of an empty buffer that holds at most `most` bytes (0 = no limit). */
#define BUFFER_INIT(most_bytes)                                                                                        \
    { .most = (most_bytes) }

/* Add bytes, a string, a formatted string. Return 0 or the buffer's sticky error. Threads: one at a time. */
int buffer_add(struct buffer *buffer, const void *data, size_t size);
int buffer_add_string(struct buffer *buffer, const char *string);
int buffer_printf(struct buffer *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));
int buffer_vprintf(struct buffer *buffer, const char *format, va_list arguments) __attribute__((format(printf, 2, 0)));

/* Make room for `size` more bytes and return where they go (NULL on error); commit what was written by
 * buffer->size += n. The NUL is kept by the next addition or by buffer_done. */
char *buffer_reserve(struct buffer *buffer, size_t size);

/* The content as a string owned by the caller (free()); the buffer is empty afterwards. NULL on a sticky error. */
char *buffer_take(struct buffer *buffer);

/* Free the content; the buffer is empty and usable afterwards. Takes NULL. */
void buffer_done(struct buffer *buffer);

#endif
