/* Whole files. */
#ifndef PIKO_BASE_FILE_H
#define PIKO_BASE_FILE_H

#include <stddef.h>

#include "base/buffer.h"

/* Modes of what a capture writes: profiles expose a program's inner state, so others cannot read them. */
#define FILE_MODE_CAPTURE 0640
#define FILE_MODE_DIRECTORY 0750

/* Write a file whole or not at all: a temporary file beside it, then rename. 0 or a negative errno; on failure no
 * temporary file stays and an older file of that name is untouched. */
int file_write(const char *path, const void *data, size_t size, unsigned mode);

/* Append a file's content to `ret` (its ceiling holds: -EFBIG). "-" is no special name. 0 or a negative errno. */
int file_read(const char *path, struct buffer *ret);

/* mkdir -p with FILE_MODE_DIRECTORY. 0 (also when it is there) or a negative errno. */
int file_make_directory(const char *path);

#endif
