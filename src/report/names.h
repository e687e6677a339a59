/* Long names made to fit a terminal. What tells functions apart stands at their end; what C++ and Rust put around it
 * (parameters, template arguments, namespaces) goes first. */
#ifndef PIKO_REPORT_NAMES_H
#define PIKO_REPORT_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

/* Characters (not bytes) of a string of valid UTF-8. */
size_t name_width(const char *name);

/* Append the name in at most `width` characters (at least 4), as it is when it fits. Left-out parts become "…", or ".."
 * without `utf8`. */
void name_shorten(const char *name, size_t width, bool utf8, struct buffer *ret);

#endif
