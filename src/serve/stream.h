/* An answer that is sent while it is made: a worker adds, the HTTP thread sends. Has two owners, who drop it when they are
 * done with it, in either order. */
#ifndef PIKO_SERVE_STREAM_H
#define PIKO_SERVE_STREAM_H

#include <microhttpd.h>
#include <stdbool.h>

#include "base/buffer.h"

#define STREAM_BYTES_MAX (256u << 20) /* of all of them together, that wait for clients which take them slowly */

struct stream;

/* NULL when memory ran out. */
struct stream *stream_new(struct MHD_Connection *connection);

/* Add the content of a buffer, which is empty afterwards. False when nobody wants it any more: the client has gone, or is
 * too slow. Threads: one at a time. */
bool stream_add(struct stream *stream, struct buffer *content);
/* There is no more; whole: else the connection is closed in the middle of the answer, so that the client knows. */
void stream_end(struct stream *stream, bool whole);
void stream_drop(struct stream *stream); /* takes NULL */

/* On the HTTP thread: the response that sends it, which owns it in the caller's place. NULL when memory ran out. */
struct MHD_Response *stream_response(struct stream *stream);

#endif
