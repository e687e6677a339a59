/* What all TLS connections of a run share: who is trusted, who is expected, and the session that new ones take up again. */
#ifndef PIKO_LOAD_TLS_H
#define PIKO_LOAD_TLS_H

#include <stdbool.h>
#include <stddef.h>

#include "load/url.h"

struct tls;
struct ssl_st; /* OpenSSL's SSL */

/* For connections to the URL's host: its name is sent (SNI), and must be that of the certificate.
 * http2     ask for it (ALPN)
 * insecure  take any certificate
 * ca_file   PEM file of whom to trust; NULL = whom the system trusts
 * 0, -ENOMEM, or -EINVAL with a sentence that names the file in `why`. */
int tls_new(const struct url *url, bool http2, bool insecure, const char *ca_file, struct tls **ret, char *why,
            size_t why_size);
void tls_free(struct tls *tls); /* takes NULL */

/* The client's side of a handshake to come on a connected socket; SSL_free() frees it, the socket stays. NULL when memory ran
 * out. Threads: any. */
struct ssl_st *tls_open(struct tls *tls, int fd);

/* After the handshake: whether the server agreed to HTTP/2. */
bool tls_is_http2(const struct ssl_st *ssl);

/* Why the last call on it failed, in a few words: "certificate: self-signed certificate". Threads: the one that called. */
void tls_explain(const struct ssl_st *ssl, char *why, size_t why_size);

#endif
