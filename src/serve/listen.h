/* The listening socket. */
#ifndef PIKO_SERVE_LISTEN_H
#define PIKO_SERVE_LISTEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A listening socket on the first address of that name that takes it, IPv4 before IPv6 (as Go's "localhost:6060").
 * The descriptor, or a negative errno with one sentence that names address and port in `why`. */
int listen_open(const char *address, uint16_t port, char *why, size_t why_size);

/* A listening unix socket, which its owner alone may use. As above. */
int listen_unix(const char *path, char *why, size_t why_size);

/* The port that a socket is bound to. */
uint16_t listen_port(int fd);

/* Whether it can be reached from this machine alone. */
bool listen_is_local(int fd);

#endif
