/* Bars and sparklines. */
#ifndef PIKO_TUI_MARKS_H
#define PIKO_TUI_MARKS_H

#include "tui/grid.h"
#include "tui/state.h"

/* The last points of a series, one a cell, in `width` cells from that column on; what is newest stands at the right once
 * there are as many. The highest of those shown is a full block, 0 is the lowest mark. Returns the column behind. */
unsigned marks_spark(struct grid *grid, unsigned row, unsigned column, unsigned width, const struct tui_series *series);

/* A share, 0 to 1, of `width` cells: to an eighth of a cell. The rest is dots when `rest`. */
unsigned marks_bar(struct grid *grid, unsigned row, unsigned column, unsigned width, double share, bool rest);

#endif
