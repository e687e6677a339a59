/* JSON, written piece by piece. Strings are made valid UTF-8, and nothing in them can end a <script> that holds it. */
#ifndef PIKO_REPORT_JSON_WRITER_H
#define PIKO_REPORT_JSON_WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"

struct json_writer {
    struct buffer *out; /* errors stick to it */
    bool has_members;   /* in the object or array that is open */
};

/* `key` is NULL in arrays and on top. Brackets: '{' or '['; json_write_close() takes the one that opened. */
void json_write_open(struct json_writer *json, const char *key, char bracket);
void json_write_close(struct json_writer *json, char bracket);

void json_write_string(struct json_writer *json, const char *key, const char *value);
void json_write_integer(struct json_writer *json, const char *key, int64_t value);
void json_write_number(struct json_writer *json, const char *key, double value); /* not finite: null */
void json_write_boolean(struct json_writer *json, const char *key, bool value);

#endif
