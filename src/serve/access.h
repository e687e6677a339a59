/* Who may ask: by which name, from which page, with which token. */
#ifndef PIKO_SERVE_ACCESS_H
#define PIKO_SERVE_ACCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#define ACCESS_TOKEN_BYTES_MAX 4096u

struct access;

/* All strings are copied.
 *
 * bind_address   as it was asked for: passes as a host; NULL for a unix socket, which no browser reaches: any host passes
 * allow_hosts    names that pass too, separated by commas; NULL = none
 * token_file     what clients have to send as bearer token, with white space around it; NULL = nothing
 *
 * 0 or a negative errno with a sentence in `why`: -EINVAL (no token in the file, or one of other than visible ASCII
 * characters), -EFBIG, -ENOENT, -EACCES … */
int access_new(const char *bind_address, const char *allow_hosts, const char *token_file, struct access **ret,
               char *why, size_t why_size);
void access_free(struct access *access); /* takes NULL */

bool access_wants_token(const struct access *access);

/* A page of a stranger's can make a name of its own lead here ("DNS rebinding"), and its scripts then read the answers. The
 * browser tells by the Host that it still is the stranger's name. Passing are, with any port: localhost, literal loopback
 * addresses, the address that was bound or that the client connected to (`local`; NULL = not known), and allow_hosts. */
bool access_knows_host(const struct access *access, const char *host, const struct sockaddr *local);

/* `authorization`: the field's value, NULL = there is none. Takes as long for a wrong token as for the right one. */
bool access_accepts(const struct access *access, const char *authorization);

#endif
