/* Text that grows as it is added to. */
#ifndef SITE_TEXT_H
#define SITE_TEXT_H

#include <stddef.h>

struct text {
    char *data; /* NUL-terminated once anything was added; owned, freed with free() */
    size_t size;
};

/* Both end the program when memory runs out: a site of this size has nothing better to do. */
void text_add(struct text *text, const char *data, size_t size);
void text_format(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The whole file, or empty text (data == NULL) with errno set. */
struct text text_read_file(const char *path);

#endif
