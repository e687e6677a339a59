/* The bytes of the request, made once and sent again and again. */
#ifndef PIKO_LOAD_REQUEST_H
#define PIKO_LOAD_REQUEST_H

#include <stddef.h>

#include "base/buffer.h"
#include "load/url.h"

#define REQUEST_BYTES_MAX (64u << 10)

/* Write a GET for the URL with these header fields ("Name: value"). Host and User-Agent are added unless given, and nothing
 * else: what the server must parse is part of what is measured.
 * 0, -ENOMEM, or -EINVAL with a sentence that names the header in `why`. Adds to `ret` (made with REQUEST_BYTES_MAX);
 * after a failure its content means nothing. */
int request_write(const struct url *url, const char *const *headers, size_t n_headers, struct buffer *ret, char *why,
                  size_t why_size);

#endif
