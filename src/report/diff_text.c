/* One comparison as text. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "report/diff_report.h"
#include "report/text.h"
#include "report/units.h"

#define NAME_WIDTH_LEAST 16u

enum column { BEFORE, AFTER, CHANGE, CHANGE_PERCENT, VERDICT, COLUMNS };

static const char *const heads[COLUMNS] = {"before", "after", "change", "change%", "verdict"};

struct cells {
    char texts[COLUMNS][UNITS_TEXT_SIZE];
};

/* Values as they are look as in `go tool pprof`; those of a request or a second are means. */
static struct units_text value_text(const struct diff *diff, int64_t value, unsigned side) {
    const char *unit = diff->type->unit;
    return diff->per == DIFF_PER_RUN ? units_value(value, unit) : units_mean(diff_value(diff, value, side), unit);
}

static struct units_text change_text(const struct diff *diff, const struct diff_row *row, const int64_t *values) {
    if (diff->per == DIFF_PER_RUN)
        return units_value((int64_t)((uint64_t)values[1] - (uint64_t)values[0]), diff->type->unit);
    return units_mean(row->change, diff->type->unit);
}

/* "+12.3%", of what it was before; "new", "gone". */
static void print_share(const struct diff *diff, const int64_t *values, char ret[UNITS_TEXT_SIZE]) {
    double before = diff_value(diff, values[0], 0), after = diff_value(diff, values[1], 1);
    double share = before != 0 ? (after - before) / fabs(before) * 100 : 0;
    if (values[0] == 0 && values[1] == 0)
        snprintf(ret, UNITS_TEXT_SIZE, "-");
    else if (values[0] == 0)
        snprintf(ret, UNITS_TEXT_SIZE, "new");
    else if (values[1] == 0)
        snprintf(ret, UNITS_TEXT_SIZE, "gone");
    else
        snprintf(ret, UNITS_TEXT_SIZE, fabs(share) < 9999.95 ? "%+.1f%%" : "%+.0e%%", share);
}

static struct cells cells_of(const struct diff *diff, const struct diff_row *row, bool by_cum) {
    const int64_t *values = by_cum ? row->cum : row->flat;
    struct cells ret;
    struct units_text change = change_text(diff, row, values);
    snprintf(ret.texts[BEFORE], UNITS_TEXT_SIZE, "%s", value_text(diff, values[0], 0).text);
    snprintf(ret.texts[AFTER], UNITS_TEXT_SIZE, "%s", value_text(diff, values[1], 1).text);
    snprintf(ret.texts[CHANGE], UNITS_TEXT_SIZE, "%s%.*s", row->change > 0 ? "+" : "", (int)sizeof(change.text) - 2,
             change.text);
    print_share(diff, values, ret.texts[CHANGE_PERCENT]);
    snprintf(ret.texts[VERDICT], UNITS_TEXT_SIZE, "%s", verdict_name(row->verdict));
    return ret;
}

/* The verdict, the only words among them, stands to the left. */
static void add_cells(struct buffer *text, const int *widths, const struct cells *cells) {
    for (size_t i = 0; i < COLUMNS; i++)
        buffer_printf(text, i == VERDICT ? " %-*s" : "%*s ", widths[i], cells->texts[i]);
    buffer_add_string(text, "  ");
}

static size_t shown_of(const struct diff *diff, const struct diff_report *report) {
    return report->top > 0 && report->top < diff->n_rows ? report->top : diff->n_rows;
}

static void measure(const struct diff *diff, const struct diff_report *report, int widths[COLUMNS]) {
    for (size_t i = 0; i < COLUMNS; i++)
        widths[i] = (int)strlen(heads[i]);
    for (size_t row = 0; row < shown_of(diff, report); row++) {
        struct cells cells = cells_of(diff, &diff->rows[row], report->by_cum);
        for (size_t i = 0; i < COLUMNS; i++)
            if ((int)strlen(cells.texts[i]) > widths[i])
                widths[i] = (int)strlen(cells.texts[i]);
    }
}

static void add_rows(struct buffer *text, const struct diff *diff, const struct diff_report *report) {
    int widths[COLUMNS];
    unsigned used = 2, width = report->form.width;
    struct cells head;
    measure(diff, report, widths);
    for (size_t i = 0; i < COLUMNS; i++) {
        used += (unsigned)widths[i] + 1;
        snprintf(head.texts[i], UNITS_TEXT_SIZE, "%s", heads[i]);
    }
    unsigned names = width == 0 ? 0 : width > used + NAME_WIDTH_LEAST ? width - used : NAME_WIDTH_LEAST;
    add_cells(text, widths, &head);
    buffer_add_string(text, "function  file:line\n");
    for (size_t i = 0; i < shown_of(diff, report); i++) {
        const struct diff_row *row = &diff->rows[i];
        struct table_row place = {.function = row->function, .file = row->file, .line = row->line};
        struct cells cells = cells_of(diff, row, report->by_cum);
        add_cells(text, widths, &cells);
        table_text_add_place(text, &place, names, report->form.utf8);
        buffer_add_string(text, "\n");
    }
    if (shown_of(diff, report) < diff->n_rows)
        buffer_printf(text, "%zu more rows are left out\n", diff->n_rows - shown_of(diff, report));
}

static void add_advice(struct buffer *text, const struct diff *diff) {
    buffer_printf(text, "%zu of %zu rows changed, %zu need%s more samples", diff->n_changed, diff->n_rows, diff->n_more,
                  diff->n_more == 1 ? "s" : "");
    if (diff->times_more > 0)
        buffer_printf(text, " (%.0f times as long a run settles half of them)", ceil(diff->times_more + 1));
    buffer_printf(text, "\nRuns of one program are taken to differ by %.0f%%, beside chance\n", diff->spread * 100);
}

void diff_text_add(struct buffer *text, const struct diff *diff, const struct diff_report *report) {
    struct cells whole = cells_of(diff, &diff->whole, report->by_cum);
    buffer_add_string(text, "Type: ");
    text_add_safe(text, diff->type->type);
    buffer_add_string(text, "\nUnit: ");
    text_add_safe(text, diff->type->unit);
    if (diff->per == DIFF_PER_RUN)
        buffer_add_string(text, ", as measured");
    else
        buffer_printf(text, ", per %s (%.6g before, %.6g after)", diff_per_name(diff->per), diff->exposures[0],
                      diff->exposures[1]);
    buffer_printf(text, "\nTotal: %s before, %s after, %s (%s): %s\n", whole.texts[BEFORE], whole.texts[AFTER],
                  whole.texts[CHANGE], whole.texts[CHANGE_PERCENT], whole.texts[VERDICT]);
    if (diff->n_rows == 0) {
        buffer_add_string(text, "\nNo samples in either.\n");
        return;
    }
    add_advice(text, diff);
    buffer_add_string(text, "\n");
    add_rows(text, diff, report);
}
