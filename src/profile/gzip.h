/* gzip to and from buffers. Private to the profile layer. */
#ifndef PIKO_PROFILE_GZIP_H
#define PIKO_PROFILE_GZIP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

bool gzip_is(const void *data, size_t size);

/* Append what the gzip members in `data` hold; the buffer's ceiling bounds it. 0, -ENOMEM, -EFBIG, or -EBADMSG when it
 * is damaged, cut off or followed by something else. */
int gzip_unpack(const void *data, size_t size, struct buffer *ret);

/* A stream of gzip that is written piece by piece. */
struct gzip_writer;

/* NULL when memory ran out. `ret` gets the bytes and outlives the writer. */
struct gzip_writer *gzip_writer_new(struct buffer *ret);
/* Compress more bytes. 0 or an error, which is sticky. */
int gzip_writer_add(struct gzip_writer *writer, const void *data, size_t size);
/* End the stream (once) and return the sticky error or 0. */
int gzip_writer_finish(struct gzip_writer *writer);
void gzip_writer_free(struct gzip_writer *writer);

#endif
