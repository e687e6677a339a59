/* A screen as a grid of cells, which knows no terminal: what is drawn into it can be read back as text.
 * Whatever comes from outside may be put into it: control characters become "?", what has no width is left out. */
#ifndef PIKO_TUI_GRID_H
#define PIKO_TUI_GRID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

enum tui_style { TUI_PLAIN, TUI_DIM, TUI_STRONG, TUI_BAR, TUI_GOOD, TUI_BAD, TUI_STYLES };

struct cell {
    uint32_t character; /* 0: the right half of a wide one */
    enum tui_style style;
};

struct grid {
    unsigned rows, columns;
    bool utf8; /* else what is not ASCII becomes "?" */
    struct cell *cells;
};

#define GRID_SIDE_MAX 1000u /* rows and columns beyond it stay empty */

/* Make it that large, and empty. 0 or -ENOMEM, which leaves it as it was. grid_done() frees. */
int grid_resize(struct grid *grid, unsigned rows, unsigned columns);
void grid_done(struct grid *grid);
void grid_clear(struct grid *grid);

/* Write from that cell on, not beyond column `end` (or the grid's edge); text that is longer ends in "…". Returns the
 * column behind it. The text should be UTF-8; invalid bytes become "?". wcwidth() is asked, so the locale counts. */
unsigned grid_put(struct grid *grid, unsigned row, unsigned column, unsigned end, enum tui_style style,
                  const char *text);
unsigned grid_printf(struct grid *grid, unsigned row, unsigned column, unsigned end, enum tui_style style,
                     const char *format, ...) __attribute__((format(printf, 6, 7)));

/* How many bytes of the text fill a line of that many columns: at the last blank among them, or in the middle of a word that
 * is longer. At least one character; 0 at its end. */
size_t grid_line_bytes(const struct grid *grid, unsigned columns, const char *text);

/* One character, `times` times. `ascii` stands for it without UTF-8. */
unsigned grid_fill(struct grid *grid, unsigned row, unsigned column, unsigned times, enum tui_style style,
                   uint32_t character, char ascii);

/* The rows as lines of UTF-8, blanks at their ends left out. 0 or the buffer's error. */
int grid_text(const struct grid *grid, struct buffer *ret);

#endif
