#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "report/sections.h"
#include "report/table_text.h"
#include "report/text.h"
#include "report/units.h"
#include "report/views.h"

#define COMMENTS_MAX 20u /* notes of one profile that are shown */

/* ---- above the table --------------------------------------------------------------------------------------------- */

static void add_title(struct buffer *text, const char *title) {
    char heading[VIEW_TITLE_BYTES + 16];
    snprintf(heading, sizeof(heading), "PROFILE:   %.*s", (int)VIEW_TITLE_BYTES, title);
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

static void add_filter(struct buffer *text, const char *label, const struct focus *focus) {
    if (!focus)
        return;
    buffer_printf(text, "%s: ", label);
    text_add_safe(text, focus_expression(focus));
    buffer_add_string(text, "\n");
    if (focus_overruns(focus) > 0)
        buffer_printf(text,
                      "Note: the expression ran out of steps %" PRIu64
                      " times so far; names that it did so for count as not matching\n",
                      focus_overruns(focus));
}

static void add_filters(struct buffer *text, const struct filter *filter, const struct table *table) {
    add_filter(text, "Focus", filter->focus);
    add_filter(text, "Ignore", filter->ignore);
    add_filter(text, "Hide", filter->hide);
    if (filter->focus || filter->ignore)
        buffer_printf(text, "Kept: %s (%s)\n", units_value(table->kept, table->type->unit).text,
                      units_percent(table->kept, table->total).text);
}

/* ---- a phase ----------------------------------------------------------------------------------------------------- */

static void add_table(struct buffer *text, const struct report_phase *phase, const struct report_options *options,
                      const struct table *table) {
    if (table->total == 0 && table->n_kept == 0) {
        buffer_add_string(text, "\nNo samples collected.\n");
        return;
    }
    if (table->n_kept == 0) {
        buffer_add_string(text, options->filter.focus && !options->filter.ignore
                                    ? "\nThe focus matched nothing: no sample has a frame of such a name.\n"
                                    : "\nThe filters left no sample.\n");
        return;
    }
    if (table->n_rows == 0) {
        buffer_add_string(text, "\nNo sample has a stack, or all values cancel out.\n");
        return;
    }
    buffer_add_string(text, "\n");
    table_text_add(text, table, options->top, phase->requests, &options->form);
}

static int add_view(struct buffer *text, const struct report_phase *phase, const struct report_options *options,
                    const struct view *view, bool is_first) {
    struct table table;
    int error = table_build(phase->profile, view->sample_type, view->group, &options->filter, &table);
    if (error)
        return error;
    add_title(text, view->title);
    buffer_add_string(text, "Type: ");
    text_add_safe(text, table.type->type);
    buffer_add_string(text, "\nUnit: ");
    text_add_safe(text, table.type->unit);
    buffer_add_string(text, "\n");
    add_total(text, phase->profile, view->sample_type, &table);
    if (is_first) /* they are those of the whole profile */
        add_circumstances(text, phase->profile, &table);
    add_filters(text, &options->filter, &table);
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
    struct view views[VIEWS_MAX];
    size_t n = views_of(phase, options, views);
    int error = 0;
    for (size_t i = 0; i < n && !error; i++)
        error = add_view(text, phase, options, &views[i], /* is_first= */ i == 0);
    return error;
}
