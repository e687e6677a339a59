#include "load/url.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define LABEL_MAX 63 /* bytes between two dots of a host name */
#define DIGITS "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

struct parser {
    const char *url;
    char *why;
    size_t why_size;
};

/* -EINVAL, with the URL and what is wrong with it as the sentence. */
__attribute__((format(printf, 2, 3))) static int refuse(const struct parser *parser, const char *format, ...) {
    char reason[200];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reason, sizeof reason, format, arguments);
    va_end(arguments);
    snprintf(parser->why, parser->why_size, "URL \"%.120s%s\": %s", parser->url, strlen(parser->url) > 120 ? "…" : "",
             reason);
    return -EINVAL;
}

/* The sentence must not carry control characters to a terminal, so this check comes before all that quote the URL. */
static int check_bytes(const struct parser *parser) {
    size_t size = strnlen(parser->url, URL_BYTES_MAX + 1);
    if (size > URL_BYTES_MAX) {
        snprintf(parser->why, parser->why_size, "URL is longer than %u bytes", URL_BYTES_MAX);
        return -EINVAL;
    }
    for (size_t i = 0; i < size; i++) {
        unsigned char byte = (unsigned char)parser->url[i];
        if (byte > ' ' && byte < 0x7f)
            continue;
        snprintf(parser->why, parser->why_size, "URL has %s at byte %zu: write it as %%%02X",
                 byte == ' '  ? "a space"
                 : byte > 127 ? "a byte that is not ASCII"
                              : "a control character",
                 i + 1, byte);
        return -EINVAL;
    }
    return 0;
}

static int parse_scheme(const struct parser *parser, bool *ret_tls, const char **ret) {
    const char *end = strstr(parser->url, "://");
    size_t size = strspn(parser->url, LETTERS DIGITS "+-.");
    if (!end || parser->url + size != end || !size)
        return refuse(parser, "no scheme: write http://host[:port]/path");
    *ret_tls = size == 5 && !strncasecmp(parser->url, "https", 5);
    if (!*ret_tls && (size != 4 || strncasecmp(parser->url, "http", 4)))
        return refuse(parser, "scheme \"%.*s\" is not supported: write http://host[:port]/path",
                      size > 40 ? 40 : (int)size, parser->url);
    *ret = end + 3;
    return 0;
}

static int parse_port(const struct parser *parser, const char *digits, size_t size, uint16_t *ret) {
    if (!size)
        return refuse(parser, "no port after the colon");
    unsigned port = 0;
    for (size_t i = 0; i < size && port <= UINT16_MAX; i++) {
        if (digits[i] < '0' || digits[i] > '9')
            return refuse(parser, "port \"%.*s\" is not a number", size > 40 ? 40 : (int)size, digits);
        port = port * 10 + (unsigned)(digits[i] - '0');
    }
    if (port < 1 || port > UINT16_MAX)
        return refuse(parser, "port is not between 1 and 65535");
    *ret = (uint16_t)port;
    return 0;
}

/* Dotted labels of letters, digits, '-' and '_'; a dot at the end is allowed. */
static int check_name(const struct parser *parser, const char *name) {
    const char *label = name;
    do {
        size_t size = strspn(label, LETTERS DIGITS "-_");
        if (label[size] && label[size] != '.')
            return refuse(parser, "host has a '%c' in it", label[size]);
        if (!size || size > LABEL_MAX)
            return refuse(parser, "host \"%s\" has %s", name, size ? "a part of over 63 bytes" : "two dots in a row");
        label += size;
        if (*label == '.')
            label++;
    } while (*label);
    return 0;
}

/* A name whose last part is a number would be read as an address in one of its forgotten forms ("127.1", "0x7f.1"). */
static bool looks_like_address(const char *host) {
    const char *dot = strrchr(host, '.');
    const char *last = dot ? dot + 1 : host;
    return *last >= '0' && *last <= '9' &&
           (last[strspn(last, DIGITS)] == '\0' ||
            (!strncasecmp(last, "0x", 2) && last[2 + strspn(last + 2, DIGITS "abcdefABCDEF")] == '\0'));
}

static int parse_host(const struct parser *parser, const char *host, size_t size, struct url *url) {
    if (!size)
        return refuse(parser, "no host: write http://host[:port]/path");
    if (size > URL_HOST_MAX)
        return refuse(parser, "host is longer than %u bytes", URL_HOST_MAX);
    memcpy(url->host, host, size);
    url->host[size] = '\0';
    struct in6_addr address;
    if (url->ipv6)
        return inet_pton(AF_INET6, url->host, &address) == 1 ? 0 : refuse(parser, "[%s] is no IPv6 address", url->host);
    int error = check_name(parser, url->host);
    if (error)
        return error;
    if (looks_like_address(url->host) && inet_pton(AF_INET, url->host, &address) != 1)
        return refuse(parser, "%s is no IPv4 address", url->host);
    return 0;
}

static int parse_authority(const struct parser *parser, const char *authority, size_t size, struct url *url) {
    if (memchr(authority, '@', size))
        return refuse(parser, "user and password are not supported: send them as a header \"Authorization: Basic …\"");
    const char *end = authority + size, *host = authority, *host_end;
    if (size && *authority == '[') {
        url->ipv6 = true;
        host = authority + 1;
        host_end = memchr(host, ']', (size_t)(end - host));
        if (!host_end)
            return refuse(parser, "']' is missing after the IPv6 address");
    } else {
        host_end = memchr(authority, ':', size);
        if (!host_end)
            host_end = end;
    }
    int error = parse_host(parser, host, (size_t)(host_end - host), url);
    if (error)
        return error;
    const char *rest = host_end + url->ipv6;
    if (rest == end)
        return 0;
    if (*rest != ':')
        return refuse(parser, "only a port or a path may follow the IPv6 address");
    return parse_port(parser, rest + 1, (size_t)(end - rest - 1), &url->port);
}

int url_parse(const char *url, struct url *ret, char *why, size_t why_size) {
    struct parser parser = {url, why, why_size};
    struct url parsed = {0};
    const char *authority = url;
    int error = check_bytes(&parser);
    if (!error)
        error = parse_scheme(&parser, &parsed.tls, &authority);
    if (error)
        return error;
    parsed.port = parsed.tls ? 443 : 80;
    size_t size = strcspn(authority, "/?#");
    error = parse_authority(&parser, authority, size, &parsed);
    if (error)
        return error;
    parsed.target = authority + size;
    parsed.target_size = strcspn(parsed.target, "#");
    *ret = parsed;
    return 0;
}

bool url_same_server(const struct url *one, const struct url *other) {
    return one->tls == other->tls && one->port == other->port && one->ipv6 == other->ipv6 &&
           !strcasecmp(one->host, other->host);
}
