/* UTF-8: what we write must hold nothing else, names in binaries may hold anything. */
#ifndef PIKO_BASE_UTF8_H
#define PIKO_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

/* Bytes of the valid character at `text` (1 to 4; no overlong forms, surrogates, or values above U+10FFFF), 0 when it
 * is invalid or cut off. `size` is at least 1. A NUL is a character of one byte. */
size_t utf8_character(const char *text, size_t size);

/* Whether the bytes are valid UTF-8 without NUL. */
bool utf8_is_valid(const char *text, size_t size);

/* Append the bytes with each invalid byte and each NUL replaced by U+FFFD. 0 or the buffer's error. */
int utf8_repair(const char *text, size_t size, struct buffer *ret);

#endif
