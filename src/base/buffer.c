#include "base/buffer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *buffer_reserve(struct buffer *buffer, size_t size) {
    if (buffer->error)
        return NULL;
    if (buffer->most && (size > buffer->most || buffer->size > buffer->most - size)) {
        buffer->error = -EFBIG;
        return NULL;
    }
    size_t needed;
    if (__builtin_add_overflow(buffer->size, size, &needed) || __builtin_add_overflow(needed, 1, &needed)) {
        buffer->error = -ENOMEM;
        return NULL;
    }
    if (needed > buffer->space) {
        size_t space = buffer->space < 128 ? 256 : buffer->space * 2;
        if (space < needed)
            space = needed;
        char *data = realloc(buffer->data, space);
        if (!data) {
            buffer->error = -ENOMEM;
            return NULL;
        }
        buffer->data = data;
        buffer->space = space;
    }
    return buffer->data + buffer->size;
}

int buffer_add(struct buffer *buffer, const void *data, size_t size) {
    char *end = buffer_reserve(buffer, size);
    if (!end)
        return buffer->error;
    if (size)
        memcpy(end, data, size);
    buffer->size += size;
    buffer->data[buffer->size] = '\0';
    return 0;
}

int buffer_add_string(struct buffer *buffer, const char *string) {
    return buffer_add(buffer, string, strlen(string));
}

int buffer_vprintf(struct buffer *buffer, const char *format, va_list arguments) {
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    char *end = length < 0 ? NULL : buffer_reserve(buffer, (size_t)length);
    if (end) {
        vsnprintf(end, (size_t)length + 1, format, again);
        buffer->size += (size_t)length;
    } else if (length < 0 && !buffer->error) {
        buffer->error = -EINVAL;
    }
    va_end(again);
    return buffer->error;
}

int buffer_printf(struct buffer *buffer, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int error = buffer_vprintf(buffer, format, arguments);
    va_end(arguments);
    return error;
}

char *buffer_take(struct buffer *buffer) {
    if (buffer_add(buffer, "", 0)) /* an empty buffer is an empty string, and reserved bytes get their NUL */
        return NULL;
    char *data = buffer->data;
    *buffer = (struct buffer)BUFFER_INIT(buffer->most);
    return data;
}

void buffer_done(struct buffer *buffer) {
    if (!buffer)
        return;
    free(buffer->data);
    *buffer = (struct buffer)BUFFER_INIT(buffer->most);
}
