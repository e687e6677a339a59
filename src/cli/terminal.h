/* What the place that text goes to can show. */
#ifndef PIKO_CLI_TERMINAL_H
#define PIKO_CLI_TERMINAL_H

#include <stdbool.h>
#include <stdio.h>

#include "base/buffer.h"
#include "report/table_text.h"

/* A terminal whose lines can be rewritten: not a pipe, not a dumb one. */
bool terminal_is_able(FILE *out);

/* Its width; 80 when it does not say. */
unsigned terminal_columns(FILE *out);

/* Whether text may be more than ASCII: by the locale, and not for a dumb terminal, piped or not. */
bool terminal_is_utf8(void);

/* The form of a report for it: piped, names stay as long as they are. */
struct text_form terminal_form(FILE *out);

/* Print a report of that form. Names may hold any character, whatever the form: then "?" stands for them. */
void terminal_print(FILE *out, struct buffer *text);

/* Write what a command was asked for to standard output: a report of its form, or as it is. Who reads it may have seen
 * enough. 0 or a negative errno. */
int terminal_deliver(struct buffer *text, bool as_it_is);

#endif
