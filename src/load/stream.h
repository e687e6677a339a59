/* The bytes of a connection, through TLS where there is one. Sockets don't block. */
#ifndef PIKO_LOAD_STREAM_H
#define PIKO_LOAD_STREAM_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

struct ssl_st;

struct stream {
    int fd;             /* -1: closed */
    struct ssl_st *tls; /* NULL: plain */
};

#define STREAM_CLOSED ((struct stream){.fd = -1})

/* Close, also what is half open. */
void stream_close(struct stream *stream);

/* Go on with the TLS handshake: 0 when it is done, -EAGAIN, or -EPROTO (see tls_explain). */
int stream_shake_hands(struct stream *stream);

/* The TLS ways of the two below. */
ssize_t stream_send_tls(struct stream *stream, const void *data, size_t size);
ssize_t stream_receive_tls(struct stream *stream, void *data, size_t size);

/* Bytes that were taken, -EAGAIN, or a negative errno; -EPROTO means that TLS broke (see tls_explain). `more` tells that
 * more is to be sent at once. Never raises SIGPIPE where that is ignored or blocked. */
static inline ssize_t stream_send(struct stream *stream, const void *data, size_t size, bool more) {
    if (stream->tls)
        return stream_send_tls(stream, data, size);
    ssize_t n = send(stream->fd, data, size, more ? MSG_NOSIGNAL | MSG_MORE : MSG_NOSIGNAL);
    return n >= 0 ? n : errno == EINTR ? -EAGAIN : -errno;
}

/* Bytes that came, 0 at the end, or as above. */
static inline ssize_t stream_receive(struct stream *stream, void *data, size_t size) {
    if (stream->tls)
        return stream_receive_tls(stream, data, size);
    ssize_t n;
    do
        n = recv(stream->fd, data, size, 0);
    while (n < 0 && errno == EINTR);
    return n >= 0 ? n : -errno;
}

#endif
