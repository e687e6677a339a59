#include "report/table_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "report/names.h"
#include "report/paths.h"
#include "report/text.h"
#include "report/units.h"

#define NAME_WIDTH_LEAST 16u /* on a narrow terminal lines rather wrap */
#define PLACE_WIDTH_MOST 28u

enum column { FLAT, FLAT_PERCENT, SUM_PERCENT, PER_REQUEST, CUM, CUM_PERCENT, COLUMNS };

static const char *const heads[COLUMNS] = {"flat", "flat%", "sum%", "flat/request", "cum", "cum%"};
static const int wide[COLUMNS] = {12, 7, 8, 12, 12, 7}; /* where there is room: the same in every report */

struct layout {
    int widths[COLUMNS]; /* 0 = no such column */
    size_t n;            /* rows that are shown */
    unsigned names;      /* characters for function and place; 0 = no limit */
};

struct cells {
    struct units_text texts[COLUMNS];
};

static struct cells cells_of(const struct table *table, size_t index, int64_t flat_sum, uint64_t requests) {
    const struct table_row *row = &table->rows[index];
    const char *unit = table->type->unit;
    struct cells ret = {{
        [FLAT] = units_value(row->flat, unit),
        [FLAT_PERCENT] = units_percent(row->flat, table->total),
        [SUM_PERCENT] = units_percent(flat_sum, table->total),
        [CUM] = units_value(row->cum, unit),
        [CUM_PERCENT] = units_percent(row->cum, table->total),
    }};
    if (requests > 0)
        ret.texts[PER_REQUEST] = units_mean((double)row->flat / (double)requests, unit);
    return ret;
}

static int64_t sum_up(int64_t sum, const struct table *table, size_t index) {
    return (int64_t)((uint64_t)sum + (uint64_t)table->rows[index].flat);
}

/* On a terminal columns are as narrow as what is in them. */
static struct layout lay_out(const struct table *table, unsigned top, uint64_t requests, const struct text_form *form) {
    struct layout ret = {.n = top > 0 && top < table->n_rows ? top : table->n_rows};
    memcpy(ret.widths, wide, sizeof(wide));
    if (form->width > 0) {
        int64_t flat_sum = 0;
        unsigned used = 2;
        for (size_t column = 0; column < COLUMNS; column++)
            ret.widths[column] = (int)strlen(heads[column]);
        for (size_t i = 0; i < ret.n; i++) {
            flat_sum = sum_up(flat_sum, table, i);
            struct cells cells = cells_of(table, i, flat_sum, requests);
            for (size_t column = 0; column < COLUMNS; column++)
                if ((int)strlen(cells.texts[column].text) > ret.widths[column])
                    ret.widths[column] = (int)strlen(cells.texts[column].text);
        }
        for (size_t column = 0; column < COLUMNS; column++)
            used += column == PER_REQUEST && requests == 0 ? 0 : (unsigned)ret.widths[column] + (column > 0);
        ret.names = form->width > used + NAME_WIDTH_LEAST ? form->width - used : NAME_WIDTH_LEAST;
    }
    if (requests == 0)
        ret.widths[PER_REQUEST] = 0;
    return ret;
}

static void add_cells(struct buffer *text, const struct layout *layout, const struct cells *cells) {
    for (size_t column = 0; column < COLUMNS; column++)
        if (layout->widths[column] > 0)
            buffer_printf(text, "%s%*s", column > 0 ? " " : "", layout->widths[column], cells->texts[column].text);
    buffer_add_string(text, "  ");
}

static void add_head(struct buffer *text, const struct layout *layout) {
    for (size_t column = 0; column < COLUMNS; column++)
        if (layout->widths[column] > 0)
            buffer_printf(text, "%s%*s", column > 0 ? " " : "", layout->widths[column], heads[column]);
    buffer_add_string(text, "  function  file:line\n");
}

/* "buf.c:33", in at most `width` characters where that is not 0; "-" without a file. */
static void print_place(const struct table_row *row, unsigned width, bool utf8, struct buffer *ret) {
    _cleanup_buffer_ struct buffer safe = BUFFER_INIT(0), place = BUFFER_INIT(0);
    if (!row->file[0]) {
        buffer_add_string(ret, "-");
        return;
    }
    size_t length = strlen(row->file);
    const char *file = width > 0 ? path_base(row->file, &length) : row->file;
    buffer_add(&place, file, length);
    if (row->line != 0)
        buffer_printf(&place, ":%" PRId64, row->line);
    text_add_safe(&safe, place.data ? place.data : "");
    if (width > 0)
        name_shorten(safe.data ? safe.data : "", width, utf8, ret);
    else
        buffer_add_string(ret, safe.data ? safe.data : "");
}

void table_text_add_place(struct buffer *text, const struct table_row *row, unsigned width, bool utf8) {
    _cleanup_buffer_ struct buffer place = BUFFER_INIT(0), name = BUFFER_INIT(0);
    unsigned place_width = width / 3 < PLACE_WIDTH_MOST ? width / 3 : PLACE_WIDTH_MOST;
    print_place(row, place_width, utf8, &place);
    text_add_safe(&name, row->function);
    const char *placed = place.data ? place.data : "-", *named = name.data ? name.data : "";
    size_t used = name_width(placed) + 2;
    if (width > 0)
        name_shorten(named, width - used, utf8, text);
    else
        buffer_add_string(text, named);
    buffer_printf(text, "  %s", placed);
}

static void add_left_out(struct buffer *text, const struct table *table, size_t n_shown) {
    int64_t flat = 0;
    for (size_t i = n_shown; i < table->n_rows; i++)
        flat = sum_up(flat, table, i);
    size_t n = table->n_rows - n_shown;
    buffer_printf(text, "%zu more row%s left out, with %s of the total (%s flat)\n", n, n == 1 ? " is" : "s are",
                  units_percent(flat, table->total).text, units_value(flat, table->type->unit).text);
}

void table_text_add(struct buffer *text, const struct table *table, unsigned top, uint64_t requests,
                    const struct text_form *form) {
    struct layout layout = lay_out(table, top, requests, form);
    int64_t flat_sum = 0;
    add_head(text, &layout);
    for (size_t i = 0; i < layout.n; i++) {
        flat_sum = sum_up(flat_sum, table, i);
        struct cells cells = cells_of(table, i, flat_sum, requests);
        add_cells(text, &layout, &cells);
        table_text_add_place(text, &table->rows[i], layout.names, form->utf8);
        buffer_add_string(text, "\n");
    }
    if (layout.n < table->n_rows)
        add_left_out(text, table, layout.n);
}
