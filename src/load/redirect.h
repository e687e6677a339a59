/* Where a redirect leads. */
#ifndef PIKO_LOAD_REDIRECT_H
#define PIKO_LOAD_REDIRECT_H

#include <stdbool.h>
#include <stddef.h>

#include "load/url.h"

/* Statuses that lead elsewhere by a Location: 301, 302, 303, 307, 308. */
bool redirect_is(unsigned status);

/* Whether the request is repeated with its method and body (307, 308), or becomes a GET, as in browsers and curl. */
bool redirect_keeps_method(unsigned status);

/* Resolve a Location against the URL that was asked for (RFC 3986, 5). The result is the caller's (free()), and *ret_url
 * points into it. 0, -ENOMEM, -EINVAL when it is no URL of ours, or -EXDEV when it leads to another server; then a
 * sentence is in `why`. Threads: any. */
int redirect_resolve(const char *from, const char *location, char **ret, struct url *ret_url, char *why,
                     size_t why_size);

#endif
