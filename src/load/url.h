/* URL of what to load, parsed strictly: what is not understood is refused with a sentence, never guessed. */
#ifndef PIKO_LOAD_URL_H
#define PIKO_LOAD_URL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define URL_HOST_MAX 253u   /* bytes of a host name */
#define URL_BYTES_MAX 8192u /* of a whole URL */

struct url {
    char host[URL_HOST_MAX + 1]; /* name or address as written; an IPv6 address without its brackets */
    bool ipv6;                   /* the host is an IPv6 address: it needs brackets in a Host header */
    bool tls;                    /* https */
    uint16_t port;               /* 80, with TLS 443, when the URL names none */
    const char
        *target; /* path and query, in the input, no fragment; when it doesn't start with '/', one goes before it */
    size_t target_size;
};

/* Parse http[s]://host[:port][/path][?query][#fragment]. 0, or -EINVAL with a sentence that says what is wrong in
 * `why`. `url` must live as long as ret->target is used. Threads: any. */
int url_parse(const char *url, struct url *ret, char *why, size_t why_size);

/* Same scheme, host and port: a connection to one serves the other too. */
bool url_same_server(const struct url *one, const struct url *other);

#endif
