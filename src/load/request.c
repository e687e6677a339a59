#include "load/request.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define METHOD_BYTES_MAX 32u

#define TOKEN                                                                                                          \
    "!#$%&'*+-.^_`|~0123456789"                                                                                        \
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

static bool has_name(const char *field, const char *name) {
    size_t size = strlen(name);
    return !strncasecmp(field, name, size) && field[size] == ':';
}

static bool is_given(const struct request_form *form, const char *name) {
    for (size_t i = 0; i < form->n_headers; i++)
        if (has_name(form->headers[i], name))
            return true;
    return false;
}

/* What is wrong with a header field; NULL when nothing is. */
static const char *fault_of(const char *field) {
    size_t name = strspn(field, TOKEN);
    if (!name || field[name] != ':')
        return "write it as \"Name: value\"";
    for (const char *c = field + name; *c; c++)
        if (((unsigned char)*c < ' ' && *c != '\t') || *c == 0x7f)
            return "its value has a control character";
    if (has_name(field, "Content-Length") || has_name(field, "Transfer-Encoding"))
        return "the length of the body is added by itself";
    return NULL;
}

/* Only what is a safe beginning of the field is quoted: the rest could be anything. */
static int check_headers(const struct request_form *form, char *why, size_t why_size) {
    for (size_t i = 0; i < form->n_headers; i++) {
        const char *field = form->headers[i], *fault = fault_of(field);
        if (!fault)
            continue;
        size_t shown = 0;
        while (shown < 60 && (unsigned char)field[shown] >= ' ' && field[shown] != 0x7f)
            shown++;
        snprintf(why, why_size, "header \"%.*s%s\": %s", (int)shown, field, field[shown] ? "…" : "", fault);
        return -EINVAL;
    }
    return 0;
}

int request_check(const struct request_form *form, char *why, size_t why_size) {
    size_t size = strspn(form->method, TOKEN);
    if (!size || form->method[size] || size > METHOD_BYTES_MAX) {
        snprintf(why, why_size, "--method must be one word, as in GET, POST, PUT");
        return -EINVAL;
    }
    if (!strcmp(form->method, "CONNECT")) {
        snprintf(why, why_size, "--method CONNECT is for proxies: it cannot be measured");
        return -EINVAL;
    }
    if (form->n_headers > REQUEST_HEADERS_MAX) {
        snprintf(why, why_size, "more than %u headers", REQUEST_HEADERS_MAX);
        return -EINVAL;
    }
    return check_headers(form, why, why_size);
}

static void write_host(struct buffer *request, const struct url *url) {
    buffer_printf(request, url->ipv6 ? "Host: [%s]" : "Host: %s", url->host);
    if (url->port != (url->tls ? 443 : 80))
        buffer_printf(request, ":%u", url->port);
    buffer_add_string(request, "\r\n");
}

struct value {
    const char *text;
    size_t size;
};

/* Blanks round the value mean nothing and some servers count them in. */
static struct value value_of(const char *field) {
    const char *text = strchr(field, ':') + 1;
    text += strspn(text, " \t");
    size_t size = strlen(text);
    while (size && (text[size - 1] == ' ' || text[size - 1] == '\t'))
        size--;
    return (struct value){text, size};
}

static void write_field(struct buffer *request, const char *field) {
    struct value value = value_of(field);
    buffer_printf(request, "%.*s: %.*s\r\n", (int)strcspn(field, ":"), field, (int)value.size, value.text);
}

static void add_field(struct buffer *ret, const char *name, const char *value, size_t size) {
    buffer_add(ret, name, strlen(name) + 1);
    buffer_add(ret, value, size);
    buffer_add(ret, "", 1);
}

/* What speaks of the connection has no place in HTTP/2 (RFC 9113, 8.2.2); Host is :authority there. */
static bool is_left_out(const char *field) {
    static const char *const names[] = {"Host", "Connection", "Keep-Alive", "Proxy-Connection", "Upgrade", "TE"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (has_name(field, names[i]))
            return true;
    return false;
}

static void write_authority(struct buffer *ret, const struct url *url, const struct request_form *form) {
    char text[URL_HOST_MAX + 16];
    for (size_t i = 0; i < form->n_headers; i++) {
        if (has_name(form->headers[i], "Host")) {
            struct value value = value_of(form->headers[i]);
            add_field(ret, ":authority", value.text, value.size);
            return;
        }
    }
    int size = snprintf(text, sizeof text, url->ipv6 ? "[%s]" : "%s", url->host);
    if (url->port != (url->tls ? 443 : 80))
        size += snprintf(text + size, sizeof text - (size_t)size, ":%u", url->port);
    add_field(ret, ":authority", text, (size_t)size);
}

static void write_http2(const struct url *url, const struct request_form *form, struct buffer *ret) {
    char length[24];
    add_field(ret, ":method", form->method, strlen(form->method));
    add_field(ret, ":scheme", url->tls ? "https" : "http", url->tls ? 5 : 4);
    write_authority(ret, url, form);
    buffer_add(ret, ":path", 6);
    if (!url->target_size || *url->target != '/')
        buffer_add_string(ret, "/");
    buffer_add(ret, url->target, url->target_size);
    buffer_add(ret, "", 1);
    if (!is_given(form, "User-Agent"))
        add_field(ret, "user-agent", "piko", 4);
    for (size_t i = 0; i < form->n_headers; i++) {
        if (is_left_out(form->headers[i]))
            continue;
        for (const char *c = form->headers[i]; *c != ':'; c++)
            buffer_add(ret, &(char){(char)(*c >= 'A' && *c <= 'Z' ? *c | 0x20 : *c)}, 1);
        struct value value = value_of(form->headers[i]);
        add_field(ret, "", value.text, value.size);
    }
    if (form->body)
        add_field(ret, "content-length", length, (size_t)snprintf(length, sizeof length, "%zu", form->body_size));
}

static void write_http1(const struct url *url, const struct request_form *form, struct buffer *ret) {
    buffer_printf(ret, "%s %s%.*s HTTP/1.1\r\n", form->method, url->target_size && *url->target == '/' ? "" : "/",
                  (int)url->target_size, url->target);
    if (!is_given(form, "Host"))
        write_host(ret, url);
    if (!is_given(form, "User-Agent"))
        buffer_add_string(ret, "User-Agent: piko\r\n");
    for (size_t i = 0; i < form->n_headers; i++)
        write_field(ret, form->headers[i]);
    if (form->body)
        buffer_printf(ret, "Content-Length: %zu\r\n", form->body_size);
    buffer_add_string(ret, "\r\n");
}

int request_write(const struct url *url, const struct request_form *form, struct buffer *ret, char *why,
                  size_t why_size) {
    if (form->http2)
        write_http2(url, form, ret);
    else
        write_http1(url, form, ret);
    if (!ret->error)
        return 0;
    int error = ret->error == -EFBIG ? -EINVAL : ret->error;
    snprintf(why, why_size, error == -EINVAL ? "headers are larger than 64 KiB" : "out of memory");
    return error;
}
