/* The client's side of HTTP/2 on one connection, one request at a time: bytes in and out, no I/O. By nghttp2. */
#ifndef PIKO_LOAD_HTTP2_H
#define PIKO_LOAD_HTTP2_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/buffer.h"
#include "load/response.h"

struct http2;

/* `response` is where all there is to say of answers goes; it must live as long. 0 or -ENOMEM. */
int http2_new(struct response *response, struct http2 **ret);
void http2_free(struct http2 *http2); /* takes NULL */

/* Begin a request, after response_begin(): head as request_write() makes it for HTTP/2. It and the body must live until the
 * response is whole, or this is freed. 0, -ENOMEM, or -EPIPE when this connection takes no more requests. */
int http2_begin(struct http2 *http2, const struct buffer *head, const void *body, size_t body_size);

/* Bytes to send next; 0 when there are none, or a negative errno. They stay until http2_sent() takes them away. */
ssize_t http2_pending(struct http2 *http2, const char **ret);
void http2_sent(struct http2 *http2, size_t size);

/* Read on: all bytes are used. COMPLETE when the response became whole; INVALID as response->why says, unless
 * http2_reset() does. */
enum response_result http2_read(struct http2 *http2, const char *data, size_t size);

/* Why the server gave up the last request ("INTERNAL_ERROR"), NULL when it did not; *ret_refused: without having looked at it, so
 * that it can be sent again. */
const char *http2_reset(const struct http2 *http2, bool *ret_refused);

#endif
