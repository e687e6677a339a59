/* A table as text. */
#ifndef PIKO_REPORT_TABLE_TEXT_H
#define PIKO_REPORT_TABLE_TEXT_H

#include <stdbool.h>

#include "base/buffer.h"
#include "report/table.h"

/* Where text goes to. */
struct text_form {
    unsigned width; /* columns of the terminal, which names are shortened to; 0 = none: they are never shortened */
    bool utf8;      /* it shows more than ASCII */
};

/* Append the head and the first `top` rows (0 = all), with a column per request when `requests` is not 0. */
void table_text_add(struct buffer *text, const struct table *table, unsigned top, uint64_t requests,
                    const struct text_form *form);

/* Append "function  file:line", shortened to `width` characters; 0 = as long as it is. */
void table_text_add_place(struct buffer *text, const struct table_row *row, unsigned width, bool utf8);

#endif
