#include "load/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tls {
    SSL_CTX *context;
    char host[URL_HOST_MAX + 1];
    bool is_address;      /* of the host: it has no SNI, and another place in the certificate */
    pthread_mutex_t lock; /* guards session */
    SSL_SESSION *session; /* the last that a server gave; NULL = none yet */
};

/* A server gives tickets whenever it likes; the newest serves all connections that are opened later. */
static int keep_session(SSL *ssl, SSL_SESSION *session) {
    struct tls *tls = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    pthread_mutex_lock(&tls->lock);
    SSL_SESSION *before = tls->session;
    tls->session = session;
    pthread_mutex_unlock(&tls->lock);
    SSL_SESSION_free(before);
    return 1; /* it is ours now */
}

static int set_trust(SSL_CTX *context, bool insecure, const char *ca_file, char *why, size_t why_size) {
    if (insecure) {
        SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
        return 0;
    }
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    if (!ca_file) {
        SSL_CTX_set_default_verify_paths(context);
        return 0;
    }
    if (SSL_CTX_load_verify_file(context, ca_file) == 1)
        return 0;
    snprintf(why, why_size, "--cacert %.200s: no certificate in PEM form can be read there", ca_file);
    return -EINVAL;
}

static void set_up(struct tls *tls, const struct url *url) {
    struct in6_addr address;
    memcpy(tls->host, url->host, sizeof tls->host);
    size_t size = strlen(tls->host);
    if (size > 1 && tls->host[size - 1] == '.') /* certificates have no dot at the end of a name */
        tls->host[size - 1] = '\0';
    tls->is_address = url->ipv6 || inet_pton(AF_INET, url->host, &address) == 1;
    SSL_CTX_set_app_data(tls->context, tls);
    SSL_CTX_set_session_cache_mode(tls->context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(tls->context, keep_session);
    SSL_CTX_set_mode(tls->context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(tls->context, 1); /* one system call for a record's head and content */
    /* Many servers just close. What is cut short is seen by its length, as without TLS. */
    SSL_CTX_set_options(tls->context, SSL_OP_IGNORE_UNEXPECTED_EOF);
}

int tls_new(const struct url *url, bool http2, bool insecure, const char *ca_file, struct tls **ret, char *why,
            size_t why_size) {
    struct tls *tls = calloc(1, sizeof *tls);
    if (tls)
        pthread_mutex_init(&tls->lock, NULL);
    if (!tls || !(tls->context = SSL_CTX_new(TLS_client_method()))) {
        tls_free(tls);
        snprintf(why, why_size, "out of memory");
        return -ENOMEM;
    }
    set_up(tls, url);
    if (http2)
        SSL_CTX_set_alpn_protos(tls->context, (const unsigned char *)"\x02h2", 3);
    int error = set_trust(tls->context, insecure, ca_file, why, why_size);
    if (error) {
        tls_free(tls);
        return error;
    }
    *ret = tls;
    return 0;
}

void tls_free(struct tls *tls) {
    if (!tls)
        return;
    SSL_SESSION_free(tls->session);
    SSL_CTX_free(tls->context);
    pthread_mutex_destroy(&tls->lock);
    free(tls);
}

static bool expect_host(struct tls *tls, SSL *ssl) {
    if (tls->is_address)
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), tls->host) == 1;
    return SSL_set1_host(ssl, tls->host) == 1 && SSL_set_tlsext_host_name(ssl, tls->host) == 1;
}

SSL *tls_open(struct tls *tls, int fd) {
    SSL *ssl = SSL_new(tls->context);
    if (!ssl || !expect_host(tls, ssl) || SSL_set_fd(ssl, fd) != 1) {
        SSL_free(ssl);
        ERR_clear_error();
        return NULL;
    }
    pthread_mutex_lock(&tls->lock);
    if (tls->session)
        SSL_set_session(ssl, tls->session);
    pthread_mutex_unlock(&tls->lock);
    SSL_set_connect_state(ssl);
    return ssl;
}

bool tls_is_http2(const SSL *ssl) {
    const unsigned char *name;
    unsigned size;
    SSL_get0_alpn_selected(ssl, &name, &size);
    return size == 2 && !memcmp(name, "h2", 2);
}

void tls_explain(const SSL *ssl, char *why, size_t why_size) {
    unsigned long code = ERR_peek_error();
    long verdict = SSL_get_verify_result(ssl);
    const char *reason = ERR_reason_error_string(code);
    if (verdict != X509_V_OK && ERR_GET_REASON(code) == SSL_R_CERTIFICATE_VERIFY_FAILED)
        snprintf(why, why_size, "certificate: %s", X509_verify_cert_error_string(verdict));
    else
        snprintf(why, why_size, "TLS: %s", reason ? reason : "closed in the middle of the handshake");
    ERR_clear_error();
}
