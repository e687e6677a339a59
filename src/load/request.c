#include "load/request.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define TOKEN                                                                                                          \
    "!#$%&'*+-.^_`|~0123456789"                                                                                        \
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

struct headers {
    const char *const *fields;
    size_t count;
};

static bool has_name(const char *field, const char *name) {
    size_t size = strlen(name);
    return !strncasecmp(field, name, size) && field[size] == ':';
}

static bool is_given(const struct headers *headers, const char *name) {
    for (size_t i = 0; i < headers->count; i++)
        if (has_name(headers->fields[i], name))
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
        return "requests have no body";
    return NULL;
}

/* Only what is a safe beginning of the field is quoted: the rest could be anything. */
static int check_headers(const struct headers *headers, char *why, size_t why_size) {
    for (size_t i = 0; i < headers->count; i++) {
        const char *field = headers->fields[i], *fault = fault_of(field);
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

static void write_host(struct buffer *request, const struct url *url) {
    buffer_printf(request, url->ipv6 ? "Host: [%s]" : "Host: %s", url->host);
    if (url->port != 80)
        buffer_printf(request, ":%u", url->port);
    buffer_add_string(request, "\r\n");
}

/* Blanks round the value mean nothing and some servers count them in. */
static void write_field(struct buffer *request, const char *field) {
    size_t name = strcspn(field, ":");
    const char *value = field + name + 1;
    value += strspn(value, " \t");
    size_t size = strlen(value);
    while (size && (value[size - 1] == ' ' || value[size - 1] == '\t'))
        size--;
    buffer_printf(request, "%.*s: %.*s\r\n", (int)name, field, (int)size, value);
}

int request_write(const struct url *url, const char *const *fields, size_t count, struct buffer *ret, char *why,
                  size_t why_size) {
    struct headers headers = {fields, count};
    int error = check_headers(&headers, why, why_size);
    if (error)
        return error;
    buffer_printf(ret, "GET %s%.*s HTTP/1.1\r\n", url->target_size && *url->target == '/' ? "" : "/",
                  (int)url->target_size, url->target);
    if (!is_given(&headers, "Host"))
        write_host(ret, url);
    if (!is_given(&headers, "User-Agent"))
        buffer_add_string(ret, "User-Agent: piko\r\n");
    for (size_t i = 0; i < count; i++)
        write_field(ret, fields[i]);
    buffer_add_string(ret, "\r\n");
    if (!ret->error)
        return 0;
    error = ret->error == -EFBIG ? -EINVAL : ret->error;
    snprintf(why, why_size, error == -EINVAL ? "headers are larger than 64 KiB" : "out of memory");
    return error;
}
