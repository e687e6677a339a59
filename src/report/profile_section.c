#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "report/sections.h"
#include "report/text.h"
#include "report/units.h"

#define COMMENTS_MAX 20u /* notes of one profile that are shown */

/* Which tables a phase gets: a new profile kind is a row here. Kinds without a row get one table of their default
 * sample type. */
struct view {
    const char *phase;
    const char *sample_type;
    enum table_group group;
    const char *title;
};

static const struct view views[] = {
    {"cpu", "cpu", TABLE_BY_FUNCTION, "cpu"},
    {"allocs", "alloc_space", TABLE_BY_FUNCTION, "allocs (alloc_space)"},
    {"allocs", "alloc_space", TABLE_BY_LINE, "allocs (alloc_space by line)"},
    {"allocs", "alloc_objects", TABLE_BY_LINE, "allocs (alloc_objects by line)"},
    {"heap", "inuse_space", TABLE_BY_FUNCTION, "heap (inuse_space)"},
    {"mutex", "delay", TABLE_BY_FUNCTION, "mutex"},
    {"block", "delay", TABLE_BY_FUNCTION, "block"},
};

/* ---- above the table --------------------------------------------------------------------------------------------- */

static void add_title(struct buffer *text, const char *title) {
    char heading[128];
    snprintf(heading, sizeof(heading), "PROFILE:   %s", title);
    text_title(text, heading);
}

/* Values come in pairs, the count before what was counted: samples with cpu, contentions with delay. */
static void add_total(struct buffer *text, const struct profile *profile, uint32_t type, const struct table *table) {
    buffer_printf(text, "Total: %s", units_value(table->total, table->type->unit).text);
    if (strcmp(table->type->unit, "count") != 0) {
        buffer_printf(text, " (%" PRId64 " ", table->total);
        text_add_safe(text, table->type->unit);
        if (type > 0 && strcmp(profile->sample_types[type - 1].unit, "count") == 0) {
            buffer_printf(text, ", %" PRId64 " ", profile_total(profile, type - 1, /* absolute= */ true));
            text_add_safe(text, profile->sample_types[type - 1].type);
        }
        buffer_add_string(text, ")");
    }
    buffer_add_string(text, "\n");
}

/* How long the profile took, how it was sampled, and what its writer has to say (lost samples, own cost). */
static void add_circumstances(struct buffer *text, const struct profile *profile, const struct table *table) {
    if (profile->duration_nanos > 0) {
        buffer_printf(text, "Duration: %s", units_value(profile->duration_nanos, "nanoseconds").text);
        if (strcmp(table->type->type, "cpu") == 0 && strcmp(table->type->unit, "nanoseconds") == 0)
            buffer_printf(text, ", %.1f%% of one core", (double)table->total / (double)profile->duration_nanos * 100);
        buffer_add_string(text, "\n");
    }
    if (profile->period > 1 && profile->period_type.unit)
        buffer_printf(text, "Rate: one sample per %s\n", units_value(profile->period, profile->period_type.unit).text);
    for (uint32_t i = 0; i < profile->n_comments && i < COMMENTS_MAX; i++) {
        buffer_add_string(text, "Note: ");
        text_add_safe(text, profile->comments[i]);
        buffer_add_string(text, "\n");
    }
    if (profile->n_comments > COMMENTS_MAX)
        buffer_printf(text, "Note: %u more notes are in the profile\n", profile->n_comments - COMMENTS_MAX);
}

static void add_focus(struct buffer *text, const struct focus *focus, const struct table *table) {
    buffer_add_string(text, "Focus: ");
    text_add_safe(text, focus_expression(focus));
    buffer_printf(text, " keeps %s (%s)\n", units_value(table->kept, table->type->unit).text,
                  units_percent(table->kept, table->total).text);
    if (focus_overruns(focus) > 0)
        buffer_printf(text,
                      "Note: the focus expression ran out of steps %" PRIu64
                      " times so far; names that it did so for count as not matching\n",
                      focus_overruns(focus));
}

/* ---- the table --------------------------------------------------------------------------------------------------- */

static void add_row(struct buffer *text, const struct table *table, const struct table_row *row, int64_t flat_sum,
                    uint64_t requests) {
    const char *unit = table->type->unit;
    buffer_printf(text, "%12s %7s %8s", units_value(row->flat, unit).text, units_percent(row->flat, table->total).text,
                  units_percent(flat_sum, table->total).text);
    if (requests > 0)
        buffer_printf(text, " %12s", units_mean((double)row->flat / (double)requests, unit).text);
    buffer_printf(text, " %12s %7s  ", units_value(row->cum, unit).text, units_percent(row->cum, table->total).text);
    text_add_safe(text, row->function);
    buffer_add_string(text, "  ");
    text_add_safe(text, row->file[0] ? row->file : "-");
    if (row->file[0] && row->line != 0)
        buffer_printf(text, ":%" PRId64, row->line);
    buffer_add_string(text, "\n");
}

static void add_left_out(struct buffer *text, const struct table *table, size_t n_shown) {
    int64_t flat = 0;
    for (size_t i = n_shown; i < table->n_rows; i++)
        flat = (int64_t)((uint64_t)flat + (uint64_t)table->rows[i].flat);
    size_t n = table->n_rows - n_shown;
    buffer_printf(text, "%zu more row%s left out, with %s of the total (%s flat)\n", n, n == 1 ? " is" : "s are",
                  units_percent(flat, table->total).text, units_value(flat, table->type->unit).text);
}

static void add_rows(struct buffer *text, const struct table *table, unsigned top, uint64_t requests) {
    buffer_printf(text, "\n%12s %7s %8s", "flat", "flat%", "sum%");
    if (requests > 0)
        buffer_printf(text, " %12s", "flat/request");
    buffer_printf(text, " %12s %7s  %s  %s\n", "cum", "cum%", "function", "file:line");
    size_t n = top > 0 && top < table->n_rows ? top : table->n_rows;
    int64_t flat_sum = 0;
    for (size_t i = 0; i < n; i++) {
        flat_sum = (int64_t)((uint64_t)flat_sum + (uint64_t)table->rows[i].flat);
        add_row(text, table, &table->rows[i], flat_sum, requests);
    }
    if (n < table->n_rows)
        add_left_out(text, table, n);
}

/* ---- a phase ----------------------------------------------------------------------------------------------------- */

static void add_table(struct buffer *text, const struct report_phase *phase, const struct report_options *options,
                      const struct table *table) {
    if (table->total == 0 && table->n_kept == 0) {
        buffer_add_string(text, "\nNo samples collected.\n");
        return;
    }
    if (options->focus && table->n_kept == 0) {
        buffer_add_string(text, "\nThe focus matched nothing: no sample has a frame of such a name.\n");
        return;
    }
    if (table->n_rows == 0) {
        buffer_add_string(text, "\nNo sample has a stack, or all values cancel out.\n");
        return;
    }
    add_rows(text, table, options->top, phase->requests);
}

static int add_view(struct buffer *text, const struct report_phase *phase, const struct report_options *options,
                    const struct view *view, uint32_t type) {
    struct table table;
    int error = table_build(phase->profile, type, view->group, options->focus, &table);
    if (error)
        return error;
    add_title(text, view->title);
    buffer_add_string(text, "Type: ");
    text_add_safe(text, table.type->type);
    buffer_add_string(text, "\nUnit: ");
    text_add_safe(text, table.type->unit);
    buffer_add_string(text, "\n");
    add_total(text, phase->profile, type, &table);
    add_circumstances(text, phase->profile, &table);
    if (options->focus)
        add_focus(text, options->focus, &table);
    add_table(text, phase, options, &table);
    table_done(&table);
    return 0;
}

static void add_missing(struct buffer *text, const struct report_phase *phase) {
    add_title(text, phase->name);
    buffer_add_string(text, "Not captured: ");
    text_add_safe(text, phase->missing ? phase->missing : "the run ended before it");
    buffer_add_string(text, "\n");
}

int section_profile(struct buffer *text, const struct report_phase *phase, const struct report_options *options) {
    if (!phase->profile || phase->profile->n_sample_types == 0) {
        add_missing(text, phase);
        return 0;
    }
    size_t n_shown = 0;
    for (size_t i = 0; i < sizeof(views) / sizeof(views[0]); i++) {
        uint32_t type = profile_find_sample_type(phase->profile, views[i].sample_type);
        if (strcmp(views[i].phase, phase->name) != 0 || type == PROFILE_NONE)
            continue;
        int error = add_view(text, phase, options, &views[i], type);
        if (error)
            return error;
        n_shown++;
    }
    if (n_shown > 0)
        return 0;
    struct view other = {.group = TABLE_BY_FUNCTION, .title = phase->name};
    return add_view(text, phase, options, &other, profile_default_sample_type(phase->profile));
}
