#include "serve/access.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buffer.h"
#include "base/file.h"

#define NAME_BYTES 256u /* of a host; the DNS allows 253 */

struct access {
    char *bind_address, *allow_hosts; /* NULL = none */
    char *token;                      /* NULL = none is wanted */
};

/* ---- Start --------------------------------------------------------------------------------------------------------- */

static bool is_token(const char *text) {
    for (const char *at = text; *at; at++)
        if (*at <= ' ' || *at > '~')
            return false;
    return *text != '\0';
}

/* The one word of the file; false = it holds anything else. */
static bool take_token(const struct buffer *content, char **ret) {
    static const char space[] = " \t\r\n";
    const char *start = content->data + strspn(content->data, space);
    size_t length = strcspn(start, space);
    const char *end = start + length + strspn(start + length, space);
    *ret = strndup(start, length);
    return *ret && is_token(*ret) && end == content->data + content->size;
}

static int read_token(struct access *access, const char *path, char *why, size_t why_size) {
    struct buffer content = BUFFER_INIT(ACCESS_TOKEN_BYTES_MAX);
    int error = file_read(path, &content);
    if (error) {
        snprintf(why, why_size, "cannot read the token in %s: %s", path, strerror(-error));
    } else if (!content.size || !take_token(&content, &access->token)) {
        snprintf(why, why_size, "%s holds no token: one word of visible ASCII characters is expected", path);
        error = -EINVAL;
    }
    buffer_done(&content);
    return error;
}

static bool copy(const char *text, char **ret) {
    *ret = text ? strdup(text) : NULL;
    return !text || *ret;
}

int access_new(const char *bind_address, const char *allow_hosts, const char *token_file, struct access **ret,
               char *why, size_t why_size) {
    struct access *access = calloc(1, sizeof(*access));
    int error = 0;
    if (!access || !copy(bind_address, &access->bind_address) || !copy(allow_hosts, &access->allow_hosts)) {
        error = -ENOMEM;
        snprintf(why, why_size, "%s", strerror(ENOMEM));
    } else if (token_file) {
        error = read_token(access, token_file, why, why_size);
    }
    if (error)
        access_free(access);
    else
        *ret = access;
    return error;
}

void access_free(struct access *access) {
    if (!access)
        return;
    free(access->token);
    free(access->allow_hosts);
    free(access->bind_address);
    free(access);
}

bool access_wants_token(const struct access *access) {
    return access->token != NULL;
}

/* ---- Hosts --------------------------------------------------------------------------------------------------------- */

/* The name before the port, without brackets and without the dot that ends a full name. False: it is none. */
static bool take_name(const char *host, char ret[NAME_BYTES]) {
    bool bracketed = *host == '[';
    host += bracketed;
    size_t length = strcspn(host, bracketed ? "]" : ":");
    const char *port = host + length;
    if (bracketed && *port++ != ']')
        return false;
    if (*port && (*port != ':' || port[1 + strspn(port + 1, "0123456789")]))
        return false;
    if (!bracketed && length && host[length - 1] == '.')
        length--;
    if (!length || length >= NAME_BYTES)
        return false;
    memcpy(ret, host, length);
    ret[length] = '\0';
    return true;
}

/* Both families as IPv6 addresses, IPv4 mapped. */
static bool read_literal(const char *name, struct in6_addr *ret) {
    char mapped[NAME_BYTES + 8];
    snprintf(mapped, sizeof(mapped), "::ffff:%s", name);
    struct in_addr v4;
    return inet_pton(AF_INET6, inet_pton(AF_INET, name, &v4) == 1 ? mapped : name, ret) == 1;
}

static bool is_loopback(const struct in6_addr *address) {
    return IN6_IS_ADDR_LOOPBACK(address) || (IN6_IS_ADDR_V4MAPPED(address) && address->s6_addr[12] == IN_LOOPBACKNET);
}

static bool is_local(const struct in6_addr *address, const struct sockaddr *local) {
    if (!local)
        return false;
    if (local->sa_family == AF_INET6)
        return !memcmp(address, &((const struct sockaddr_in6 *)(const void *)local)->sin6_addr, sizeof(*address));
    return local->sa_family == AF_INET && IN6_IS_ADDR_V4MAPPED(address) &&
           !memcmp(&address->s6_addr[12], &((const struct sockaddr_in *)(const void *)local)->sin_addr, 4);
}

static bool is_listed(const char *name, const char *list) {
    size_t length = strlen(name);
    for (const char *at = list; *at; at += *at == ',') {
        size_t n = strcspn(at, ",");
        if (n == length && !strncasecmp(at, name, n))
            return true;
        at += n;
    }
    return false;
}

bool access_knows_host(const struct access *access, const char *host, const struct sockaddr *local) {
    char name[NAME_BYTES];
    struct in6_addr literal;
    if (!access->bind_address)
        return true;
    if (!take_name(host, name))
        return false;
    if (!strcasecmp(name, "localhost") || !strcasecmp(name, access->bind_address))
        return true;
    if (read_literal(name, &literal) && (is_loopback(&literal) || is_local(&literal, local)))
        return true;
    return access->allow_hosts && is_listed(name, access->allow_hosts);
}

/* ---- Tokens -------------------------------------------------------------------------------------------------------- */

/* Each byte of what was sent is compared, whatever those before it were. */
static bool is_equal(const char *sent, const char *token) {
    size_t length = strlen(sent), token_length = strlen(token);
    volatile unsigned char differences = length != token_length;
    for (size_t i = 0; i < length; i++)
        differences |= (unsigned char)(sent[i] ^ token[i % token_length]);
    return !differences;
}

bool access_accepts(const struct access *access, const char *authorization) {
    static const char scheme[] = "Bearer ";
    if (!access->token)
        return true;
    if (!authorization || strncasecmp(authorization, scheme, sizeof(scheme) - 1))
        return false;
    authorization += sizeof(scheme) - 1;
    return is_equal(authorization + strspn(authorization, " "), access->token);
}
