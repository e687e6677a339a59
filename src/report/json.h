/* JSON, written piece by piece. Strings are made valid UTF-8, and nothing in them can end a <script> that holds it. */
#ifndef PIKO_REPORT_JSON_H
#define PIKO_REPORT_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"

struct json {
    struct buffer *out; /* errors stick to it */
    bool has_members;   /* in the object or array that is open */
};

/* `key` is NULL in arrays and on top. Brackets: '{' or '['; json_close() takes the one that opened. */
void json_open(struct json *json, const char *key, char bracket);
void json_close(struct json *json, char bracket);

void json_string(struct json *json, const char *key, const char *value);
void json_integer(struct json *json, const char *key, int64_t value);
void json_number(struct json *json, const char *key, double value); /* not finite: null */
void json_boolean(struct json *json, const char *key, bool value);

#endif
