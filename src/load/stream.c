#include "load/stream.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <unistd.h>

void stream_close(struct stream *stream) {
    if (stream->tls) /* or OpenSSL would take its session for a bad one, and new connections could not take it up */
        SSL_set_shutdown(stream->tls, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(stream->tls);
    if (stream->fd >= 0)
        close(stream->fd);
    *stream = STREAM_CLOSED;
}

/* What a call that returned `result` <= 0 means. Errors queue up by thread: the queue was empty before the call. */
static int verdict(SSL *tls, int result, int error) {
    switch (SSL_get_error(tls, result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return -EAGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    case SSL_ERROR_SYSCALL:
        return -error;
    default:
        return -EPROTO;
    }
}

int stream_shake_hands(struct stream *stream) {
    errno = 0;
    int result = SSL_do_handshake(stream->tls);
    if (result == 1)
        return 0;
    int error = verdict(stream->tls, result, errno);
    return error == -EAGAIN ? error : -EPROTO;
}

static int bounded(size_t size) {
    return size > INT_MAX ? INT_MAX : (int)size;
}

ssize_t stream_send_tls(struct stream *stream, const void *data, size_t size) {
    errno = 0;
    int n = SSL_write(stream->tls, data, bounded(size));
    if (n > 0)
        return n;
    int error = verdict(stream->tls, n, errno);
    return error ? error : -EPIPE; /* the peer said that it reads no more */
}

ssize_t stream_receive_tls(struct stream *stream, void *data, size_t size) {
    errno = 0;
    int n = SSL_read(stream->tls, data, bounded(size));
    return n > 0 ? n : verdict(stream->tls, n, errno);
}
