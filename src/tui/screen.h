/* The dashboard: state in, cells out. From 40 columns and 10 rows on all of it is there, as far as there is room; below, as
 * much as fits. */
#ifndef PIKO_TUI_SCREEN_H
#define PIKO_TUI_SCREEN_H

#include "tui/grid.h"
#include "tui/state.h"

/* Draw the whole grid anew. */
void screen_draw(struct grid *grid, const struct tui_state *state);

#endif
