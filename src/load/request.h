/* The head of a request, made once and sent again and again. */
#ifndef PIKO_LOAD_REQUEST_H
#define PIKO_LOAD_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "load/url.h"

#define REQUEST_HEAD_BYTES_MAX (64u << 10)
#define REQUEST_HEADERS_MAX 1000u

/* What all requests have in common. */
struct request_form {
    bool http2;
    const char *method;
    const void *body; /* follows the head; NULL = none, which is not the same as an empty one: that has a length */
    size_t body_size;
    const char *const *headers; /* "Name: value" */
    size_t n_headers;
};

/* Whether method and headers can be sent. 0, or -EINVAL with a sentence that names what is wrong in `why`. */
int request_check(const struct request_form *form, char *why, size_t why_size);

/* Write the head for a URL: as HTTP/1.1 has it, or for HTTP/2 each field as name, NUL, value, NUL. Host and User-Agent are added unless given, Content-Length where there is a body, and nothing
 * else: what the server must parse is part of what is measured.
 * 0, -ENOMEM, or -EINVAL with a sentence in `why` when it is too large. Adds to `ret` (made with
 * REQUEST_HEAD_BYTES_MAX); after a failure its content means nothing. */
int request_write(const struct url *url, const struct request_form *form, struct buffer *ret, char *why,
                  size_t why_size);

#endif
