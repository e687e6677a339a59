#include "profile/gzip.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define WINDOW_GZIP (15 + 16)             /* the largest window, with gzip's header and trailer */
#define DEFLATE_RATIO_MOST 1032u          /* no deflate stream unpacks to more than this times its size */
#define STEP_BYTES ((size_t)256 << 10)    /* room made for output at a time */
#define INPUT_MOST ((size_t)UINT_MAX / 2) /* zlib counts in unsigned int */

bool gzip_is(const void *data, size_t size) {
    const unsigned char *bytes = data;
    return size >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b;
}

/* The size that the trailer claims, when it is believable; 0 otherwise. */
static size_t claimed_size(const unsigned char *data, size_t size) {
    if (size < 18)
        return 0;
    const unsigned char *end = data + size - 4;
    size_t claimed = end[0] | (size_t)end[1] << 8 | (size_t)end[2] << 16 | (size_t)end[3] << 24;
    return claimed / DEFLATE_RATIO_MOST > size ? 0 : claimed;
}

/* Unpack up to the end of one member, or as far as there is input. 1 at the end of a member, 0 for more, or an error. */
static int unpack_step(z_stream *stream, struct buffer *ret) {
    size_t room = STEP_BYTES;
    if (ret->space > ret->size + room)
        room = ret->space - ret->size - 1;
    if (ret->most && ret->most - ret->size < room)
        room = ret->most - ret->size;
    if (room > INPUT_MOST)
        room = INPUT_MOST;
    char spare;
    char *to = room ? buffer_reserve(ret, room) : &spare;
    if (!to)
        return ret->error;
    /* At the ceiling one more byte tells a stream that ends here from one that goes on. */
    stream->next_out = (Bytef *)to;
    stream->avail_out = room ? (uInt)room : 1;
    int status = inflate(stream, Z_NO_FLUSH);
    size_t made = (room ? room : 1) - stream->avail_out;
    if (!room && made)
        return -EFBIG;
    ret->size += made;
    if (status == Z_STREAM_END)
        return 1;
    if (status == Z_MEM_ERROR)
        return -ENOMEM;
    return status == Z_OK ? 0 : -EBADMSG; /* without progress it is Z_BUF_ERROR: cut off */
}

static int unpack_members(z_stream *stream, const unsigned char *data, size_t size, struct buffer *ret) {
    for (;;) {
        uInt chunk = size > INPUT_MOST ? (uInt)INPUT_MOST : (uInt)size;
        stream->next_in = (Bytef *)(uintptr_t)data;
        stream->avail_in = chunk;
        int status = unpack_step(stream, ret);
        if (status < 0)
            return status;
        data += chunk - stream->avail_in;
        size -= chunk - stream->avail_in;
        if (status == 1 && size == 0)
            return 0;
        if (status == 1 && (!gzip_is(data, size) || inflateReset(stream) != Z_OK))
            return -EBADMSG;
    }
}

int gzip_unpack(const void *data, size_t size, struct buffer *ret) {
    size_t claimed = claimed_size(data, size);
    if (ret->most && claimed > ret->most)
        return -EFBIG;
    if (claimed && !buffer_reserve(ret, claimed))
        return ret->error;
    z_stream stream = {0};
    if (inflateInit2(&stream, WINDOW_GZIP) != Z_OK)
        return -ENOMEM;
    int error = unpack_members(&stream, data, size, ret);
    inflateEnd(&stream);
    return error;
}

struct gzip_writer {
    z_stream stream;
    struct buffer *ret;
    int error;
};

struct gzip_writer *gzip_writer_new(struct buffer *ret) {
    struct gzip_writer *writer = calloc(1, sizeof *writer);
    if (!writer)
        return NULL;
    writer->ret = ret;
    /* The fastest level, as Go's own profiles: they are made in the process that they are about. */
    if (deflateInit2(&writer->stream, Z_BEST_SPEED, Z_DEFLATED, WINDOW_GZIP, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
        free(writer);
        return NULL;
    }
    return writer;
}

static int compress_some(struct gzip_writer *writer, int flush) {
    z_stream *stream = &writer->stream;
    int status;
    do {
        /* A ceiling is met by what is really there, not by the room for it: so the room is taken from the stack. */
        unsigned char out[16384];
        stream->next_out = out;
        stream->avail_out = sizeof out;
        status = deflate(stream, flush);
        if (status == Z_STREAM_ERROR)
            return -EINVAL;
        if (buffer_add(writer->ret, out, sizeof out - stream->avail_out))
            return writer->ret->error;
    } while (stream->avail_out == 0 || (flush == Z_FINISH && status != Z_STREAM_END));
    return 0;
}

int gzip_writer_add(struct gzip_writer *writer, const void *data, size_t size) {
    const unsigned char *bytes = data;
    while (size && !writer->error) {
        uInt chunk = size > INPUT_MOST ? (uInt)INPUT_MOST : (uInt)size;
        writer->stream.next_in = (Bytef *)(uintptr_t)bytes;
        writer->stream.avail_in = chunk;
        writer->error = compress_some(writer, Z_NO_FLUSH);
        bytes += chunk;
        size -= chunk;
    }
    return writer->error;
}

int gzip_writer_finish(struct gzip_writer *writer) {
    if (!writer->error) {
        writer->stream.avail_in = 0;
        writer->error = compress_some(writer, Z_FINISH);
    }
    return writer->error;
}

void gzip_writer_free(struct gzip_writer *writer) {
    if (!writer)
        return;
    deflateEnd(&writer->stream);
    free(writer);
}
