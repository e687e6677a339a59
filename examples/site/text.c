#include "text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Grows to the exact size each time: every addition reallocates. The allocs profile has something to say about that. */
void text_add(struct text *text, const char *data, size_t size) {
    char *grown = realloc(text->data, text->size + size + 1);
    if (!grown)
        abort();
    memcpy(grown + text->size, data, size);
    text->data = grown;
    text->size += size;
    text->data[text->size] = '\0';
}

void text_format(struct text *text, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    char *added = NULL;
    int length = vasprintf(&added, format, arguments);
    va_end(arguments);
    if (length < 0)
        abort();
    text_add(text, added, (size_t)length);
    free(added);
}

struct text text_read_file(const char *path) {
    struct text text = {0};
    FILE *file = fopen(path, "re");
    if (!file)
        return text;
    char chunk[4096];
    size_t n;
    while ((n = fread(chunk, 1, sizeof chunk, file)) > 0)
        text_add(&text, chunk, n);
    fclose(file);
    return text;
}
