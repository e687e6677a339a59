/* Where requests go: one address that was seen to accept a connection. */
#ifndef PIKO_LOAD_TARGET_H
#define PIKO_LOAD_TARGET_H

#include <netdb.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "load/url.h"

#define TARGET_NAME_MAX 112u /* "[v6 address]:port", or a socket's path, with its NUL */

struct target {
    struct sockaddr_storage address;
    socklen_t address_size;
    char name[TARGET_NAME_MAX]; /* "127.0.0.1:8080", for messages */
};

/* Resolve the URL's host and take the first of its addresses that accepts a connection within timeout_ns (all together).
 * With unix_path (NULL: none) the socket there is taken instead, and the host is not looked at.
 * 0; -EINTR when a signal came meanwhile; or a negative errno with a sentence that names host or address in `why`.
 * Blocks: resolving has the resolver's own time limit. */
int target_find(const struct url *url, const char *unix_path, uint64_t timeout_ns, struct target *ret, char *why,
                size_t why_size);

#endif
