#include "serve/stream.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_BYTES (64u << 10)

static atomic_size_t bytes_held; /* by all */

struct stream {
    pthread_mutex_t lock;
    struct MHD_Connection *connection;
    struct buffer content;
    size_t sent;    /* bytes of it */
    bool suspended; /* the connection waits for content */
    bool ended, broken;
    unsigned owners;
};

struct stream *stream_new(struct MHD_Connection *connection) {
    struct stream *stream = calloc(1, sizeof(*stream));
    if (!stream)
        return NULL;
    pthread_mutex_init(&stream->lock, NULL);
    stream->connection = connection;
    stream->content = (struct buffer)BUFFER_INIT(STREAM_BYTES_MAX);
    stream->owners = 2;
    return stream;
}

void stream_drop(struct stream *stream) {
    if (!stream)
        return;
    pthread_mutex_lock(&stream->lock);
    bool last = --stream->owners == 0;
    pthread_mutex_unlock(&stream->lock);
    if (!last)
        return;
    atomic_fetch_sub(&bytes_held, stream->content.size);
    buffer_done(&stream->content);
    pthread_mutex_destroy(&stream->lock);
    free(stream);
}

/* With the lock held. */
static void wake(struct stream *stream) {
    if (stream->suspended)
        MHD_resume_connection(stream->connection);
    stream->suspended = false;
}

static void forget_sent(struct stream *stream) {
    atomic_fetch_sub(&bytes_held, stream->sent);
    stream->content.size -= stream->sent;
    if (stream->content.size)
        memmove(stream->content.data, stream->content.data + stream->sent, stream->content.size);
    stream->sent = 0;
}

/* What goes beyond the bound breaks the stream that met it. */
static void take(struct stream *stream, const struct buffer *content) {
    bool fits = atomic_fetch_add(&bytes_held, content->size) + content->size <= STREAM_BYTES_MAX;
    int error = fits ? buffer_add(&stream->content, content->data, content->size) : -ENOBUFS;
    if (!error)
        return;
    stream->content.error = error;
    atomic_fetch_sub(&bytes_held, content->size);
}

bool stream_add(struct stream *stream, struct buffer *content) {
    pthread_mutex_lock(&stream->lock);
    if (stream->sent)
        forget_sent(stream);
    if (content->size)
        take(stream, content);
    bool wanted = stream->owners == 2 && !stream->content.error;
    wake(stream);
    pthread_mutex_unlock(&stream->lock);
    content->size = 0;
    return wanted;
}

void stream_end(struct stream *stream, bool whole) {
    pthread_mutex_lock(&stream->lock);
    stream->ended = true;
    stream->broken = !whole || stream->content.error;
    wake(stream);
    pthread_mutex_unlock(&stream->lock);
}

static ssize_t send_more(void *data, uint64_t position, char *to, size_t size) {
    struct stream *stream = data;
    (void)position;
    pthread_mutex_lock(&stream->lock);
    size_t there = stream->content.size - stream->sent, n = there < size ? there : size;
    ssize_t result = (ssize_t)n;
    if (n) {
        memcpy(to, stream->content.data + stream->sent, n);
        stream->sent += n;
    } else if (stream->ended) {
        result = stream->broken ? MHD_CONTENT_READER_END_WITH_ERROR : MHD_CONTENT_READER_END_OF_STREAM;
    } else {
        MHD_suspend_connection(stream->connection);
        stream->suspended = true;
    }
    pthread_mutex_unlock(&stream->lock);
    return result;
}

static void on_free(void *data) {
    stream_drop(data);
}

struct MHD_Response *stream_response(struct stream *stream) {
    struct MHD_Response *response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_BYTES, send_more, stream, on_free);
    if (!response)
        stream_drop(stream);
    return response;
}
