#include "tui/grid.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "base/utf8.h"

#define TEXT_BYTES 1024u
#define ELLIPSIS 0x2026u

int grid_resize(struct grid *grid, unsigned rows, unsigned columns) {
    rows = rows < GRID_SIDE_MAX ? rows : GRID_SIDE_MAX;
    columns = columns < GRID_SIDE_MAX ? columns : GRID_SIDE_MAX;
    struct cell *cells = calloc((size_t)rows * columns + 1, sizeof *cells);
    if (!cells)
        return -ENOMEM;
    free(grid->cells);
    grid->cells = cells;
    grid->rows = rows;
    grid->columns = columns;
    grid_clear(grid);
    return 0;
}

void grid_done(struct grid *grid) {
    free(grid->cells);
    *grid = (struct grid){0};
}

void grid_clear(struct grid *grid) {
    for (size_t i = 0; i < (size_t)grid->rows * grid->columns; i++)
        grid->cells[i] = (struct cell){' ', TUI_PLAIN};
}

/* The character of `size` bytes, which are valid UTF-8. */
static uint32_t decode(const char *text, size_t size) {
    static const unsigned char mask[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t ret = (unsigned char)text[0] & mask[size];
    for (size_t i = 1; i < size; i++)
        ret = ret << 6 | ((unsigned char)text[i] & 0x3f);
    return ret;
}

/* The next character of the text, moved behind it; "?" for what cannot be shown. */
static uint32_t next(const struct grid *grid, const char **text, int *ret_width) {
    size_t size = utf8_character(*text, strlen(*text));
    uint32_t character = size ? decode(*text, size) : '?';
    *text += size ? size : 1;
    *ret_width = 1;
    if (character < 0x80)
        return character < ' ' || character == 0x7f ? '?' : character;
    int width = grid->utf8 ? wcwidth((wchar_t)character) : -1;
    if (width < 0)
        return '?';
    *ret_width = width;
    return character;
}

static void set(struct grid *grid, unsigned row, unsigned column, enum tui_style style, uint32_t character) {
    grid->cells[(size_t)row * grid->columns + column] = (struct cell){character, style};
}

unsigned grid_put(struct grid *grid, unsigned row, unsigned column, unsigned end, enum tui_style style,
                  const char *text) {
    unsigned at = column;
    end = end < grid->columns ? end : grid->columns;
    if (row >= grid->rows)
        return column;
    while (*text) {
        int width;
        uint32_t character = next(grid, &text, &width);
        if (width == 0)
            continue;
        if (at + (unsigned)width > end) {
            if (at > column)
                set(grid, row, at - 1, style, grid->utf8 ? ELLIPSIS : '~');
            break;
        }
        set(grid, row, at, style, character);
        if (width == 2)
            set(grid, row, at + 1, style, 0);
        at += (unsigned)width;
    }
    return at;
}

size_t grid_line_bytes(const struct grid *grid, unsigned columns, const char *text) {
    size_t bytes = 0, to_blank = 0;
    for (unsigned used = 0; text[bytes];) {
        const char *behind = text + bytes;
        int width;
        if (text[bytes] == ' ')
            to_blank = bytes + 1;
        next(grid, &behind, &width);
        used += (unsigned)width;
        if (used > columns && bytes)
            return to_blank ? to_blank : bytes;
        bytes = (size_t)(behind - text);
    }
    return bytes;
}

unsigned grid_printf(struct grid *grid, unsigned row, unsigned column, unsigned end, enum tui_style style,
                     const char *format, ...) {
    char text[TEXT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return grid_put(grid, row, column, end, style, text);
}

unsigned grid_fill(struct grid *grid, unsigned row, unsigned column, unsigned times, enum tui_style style,
                   uint32_t character, char ascii) {
    for (; times && row < grid->rows && column < grid->columns; times--)
        set(grid, row, column++, style, grid->utf8 ? character : (unsigned char)ascii);
    return column;
}

static void add_character(uint32_t character, struct buffer *ret) {
    static const unsigned char leads[] = {0, 0, 0xc0, 0xe0, 0xf0};
    unsigned size = character < 0x80 ? 1 : character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;
    char bytes[4];
    for (unsigned i = size; i-- > 0; character >>= 6)
        bytes[i] = (char)(i ? 0x80 | (character & 0x3f) : leads[size] | character);
    buffer_add(ret, bytes, size);
}

int grid_text(const struct grid *grid, struct buffer *ret) {
    for (unsigned row = 0; row < grid->rows; row++) {
        const struct cell *cells = grid->cells + (size_t)row * grid->columns;
        unsigned n = grid->columns;
        while (n && cells[n - 1].character == ' ')
            n--;
        for (unsigned i = 0; i < n; i++)
            if (cells[i].character)
                add_character(cells[i].character, ret);
        buffer_add_string(ret, "\n");
    }
    return ret->error;
}
