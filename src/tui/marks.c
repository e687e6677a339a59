#include "tui/marks.h"

#define LEVELS 8u
#define LOWEST 0x2581u /* ▁, and the higher ones up to █ behind it */
#define FULL 0x2588u   /* █, and the narrower ones down to ▏ behind it */
#define DOT 0xb7u      /* · */

static const char ascii_levels[] = "_.:-=+*#";

unsigned marks_spark(struct grid *grid, unsigned row, unsigned column, unsigned width,
                     const struct tui_series *series) {
    size_t shown = series->n < width ? series->n : width;
    const double *points = series->points + (series->n - shown);
    double highest = 0;
    for (size_t i = 0; i < shown; i++)
        highest = points[i] > highest ? points[i] : highest;
    for (size_t i = 0; i < shown; i++) {
        double level = highest > 0 && points[i] > 0 ? points[i] / highest * LEVELS : 0;
        unsigned mark = level >= LEVELS ? LEVELS - 1 : (unsigned)level;
        grid_fill(grid, row, column + (unsigned)i, 1, TUI_BAR, LOWEST + mark, ascii_levels[mark]);
    }
    return column + width;
}

unsigned marks_bar(struct grid *grid, unsigned row, unsigned column, unsigned width, double share, bool rest) {
    double cells = !(share > 0) ? 0 : share < 1 ? share * width : width;
    unsigned full = (unsigned)cells, eighths = (unsigned)((cells - full) * LEVELS), end = column + width;
    column = grid_fill(grid, row, column, full, TUI_BAR, FULL, '#');
    if (grid->utf8 && eighths && column < end)
        column = grid_fill(grid, row, column, 1, TUI_BAR, FULL + LEVELS - eighths, ' ');
    if (rest && column < end)
        grid_fill(grid, row, column, end - column, TUI_DIM, DOT, '.');
    return end;
}
