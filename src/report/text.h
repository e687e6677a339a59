/* Pieces of a text report. Whatever comes from outside (names in a profile, comments, messages of a server) goes
 * through text_add_safe(): a hostile profile must not move the cursor of who reads the report. */
#ifndef PIKO_REPORT_TEXT_H
#define PIKO_REPORT_TEXT_H

#include "base/buffer.h"

/* Add a string as one line of printable UTF-8: control characters, invisible direction marks and invalid bytes become
 * "?". */
void text_add_safe(struct buffer *text, const char *string);

/* Make everything plain ASCII in place: any other character becomes "?". */
void text_make_ascii(struct buffer *text);

/* A section's title between two rules, a blank line above unless it is the first. */
void text_title(struct buffer *text, const char *title) __attribute__((nonnull));

#endif
