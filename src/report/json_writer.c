#include "report/json_writer.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/utf8.h"
#include "report/text.h"

static void add_quoted(struct buffer *out, const char *string) {
    buffer_add_string(out, "\"");
    for (const char *at = string, *plain = at;; at++) {
        unsigned char c = (unsigned char)*at;
        if (c >= 0x20 && c != '"' && c != '\\' && c != '<' && c != 0x7F)
            continue;
        buffer_add(out, plain, (size_t)(at - plain));
        plain = at + 1;
        if (c == '\0')
            break;
        buffer_printf(out, "\\u%04x", c);
    }
    buffer_add_string(out, "\"");
}

/* Valid UTF-8 stays; what is no character becomes "?". Control characters are escaped, not replaced. */
static void add_string(struct buffer *out, const char *string) {
    if (utf8_is_valid(string, strlen(string))) {
        add_quoted(out, string);
        return;
    }
    struct buffer safe = BUFFER_INIT(0);
    text_add_safe(&safe, string);
    add_quoted(out, safe.data ? safe.data : "");
    buffer_done(&safe);
}

static void start_member(struct json_writer *json, const char *key) {
    if (json->has_members)
        buffer_add_string(json->out, ",");
    json->has_members = true;
    if (key) {
        add_string(json->out, key);
        buffer_add_string(json->out, ":");
    }
}

void json_write_open(struct json_writer *json, const char *key, char bracket) {
    start_member(json, key);
    buffer_add(json->out, &bracket, 1);
    json->has_members = false;
}

void json_write_close(struct json_writer *json, char bracket) {
    buffer_add_string(json->out, bracket == '{' ? "}" : "]");
    json->has_members = true;
}

void json_write_string(struct json_writer *json, const char *key, const char *value) {
    start_member(json, key);
    add_string(json->out, value);
}

void json_write_integer(struct json_writer *json, const char *key, int64_t value) {
    start_member(json, key);
    buffer_printf(json->out, "%" PRId64, value);
}

void json_write_number(struct json_writer *json, const char *key, double value) {
    start_member(json, key);
    if (isfinite(value))
        buffer_printf(json->out, "%.17g", value);
    else
        buffer_add_string(json->out, "null");
}

void json_write_boolean(struct json_writer *json, const char *key, bool value) {
    start_member(json, key);
    buffer_add_string(json->out, value ? "true" : "false");
}
