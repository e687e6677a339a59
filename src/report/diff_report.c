#include "report/diff_report.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "report/html_graph.h"
#include "report/html_page.h"
#include "report/json_writer.h"
#include "report/text.h"
#include "report/units.h"
#include "report/views.h"

/* ---- what is compared -------------------------------------------------------------------------------------------- */

static uint32_t find_same(const struct profile *profile, const struct profile_value_type *type) {
    uint32_t found = profile_find_sample_type(profile, type->type);
    return found != PROFILE_NONE && strcmp(profile->sample_types[found].unit, type->unit) == 0 ? found : PROFILE_NONE;
}

static bool add_subject(const struct report_phase *before, const struct report_phase *after, uint32_t type,
                        struct diff_subject *ret) {
    uint32_t after_type =
        type == PROFILE_NONE ? PROFILE_NONE : find_same(after->profile, &before->profile->sample_types[type]);
    if (after_type == PROFILE_NONE)
        return false;
    *ret = (struct diff_subject){.before = before, .after = after, .before_type = type, .after_type = after_type};
    snprintf(ret->title, sizeof(ret->title), "%.80s (%.40s)", before->name, before->profile->sample_types[type].type);
    return true;
}

size_t diff_subjects_of(const struct report_phase *before, const struct report_phase *after, const char *sample_index,
                        struct diff_subject ret[DIFF_SUBJECTS_MAX]) {
    const struct report_options usual = {0};
    struct view views[VIEWS_MAX];
    size_t n = 0, n_views = sample_index ? 0 : views_of(before, &usual, views);
    for (size_t i = 0; i < n_views && n < DIFF_SUBJECTS_MAX; i++) {
        bool is_known = n > 0 && ret[n - 1].before_type == views[i].sample_type;
        n += !is_known && add_subject(before, after, views[i].sample_type, &ret[n]);
    }
    if (n == 0)
        n += add_subject(before, after, views_find_sample_type(before->profile, sample_index), &ret[n]);
    for (uint32_t i = before->profile->n_sample_types; i > 0 && n == 0 && !sample_index; i--)
        n += add_subject(before, after, i - 1, &ret[n]);
    return n;
}

static int build(const struct diff_report *report, const struct diff_subject *subject, struct diff *ret) {
    const struct diff_choice choice = {
        .before_type = subject->before_type,
        .after_type = subject->after_type,
        .group = report->group,
        .per = report->per,
        .by_cum = report->by_cum,
        .filter = &report->filter,
    };
    return diff_build(&(struct diff_side){subject->before->profile, subject->before->requests},
                      &(struct diff_side){subject->after->profile, subject->after->requests}, &choice, ret);
}

/* ---- the loads --------------------------------------------------------------------------------------------------- */

struct load_row {
    const char *name, *key;
    double before, after;
    bool is_latency;
};
#define N_LOAD_ROWS 5u

static double requests_a_second(const struct load_stats *stats) {
    return stats->elapsed_ns > 0 ? (double)stats->requests * (double)NS_PER_S / (double)stats->elapsed_ns : 0;
}

static void make_load_rows(const struct load_stats *before, const struct load_stats *after,
                           struct load_row ret[N_LOAD_ROWS]) {
    const struct load_row rows[N_LOAD_ROWS] = {
        {"Requests per second", "requests_per_second", requests_a_second(before), requests_a_second(after), false},
        {"Failed requests", "failed", (double)load_stats_failures(before), (double)load_stats_failures(after), false},
        {"Mean latency", "mean_ns", histogram_mean_ns(before->latency), histogram_mean_ns(after->latency), true},
        {"p50", "p50_ns", (double)histogram_percentile_ns(before->latency, 50),
         (double)histogram_percentile_ns(after->latency, 50), true},
        {"p99", "p99_ns", (double)histogram_percentile_ns(before->latency, 99),
         (double)histogram_percentile_ns(after->latency, 99), true},
    };
    memcpy(ret, rows, sizeof(rows));
}

static struct units_text load_text(const struct load_row *row, double value) {
    struct units_text ret;
    if (row->is_latency)
        return units_latency(value);
    snprintf(ret.text, sizeof(ret.text), "%.0f", value);
    return ret;
}

static void add_load_text(struct buffer *text, const struct diff_report *report) {
    struct load_row rows[N_LOAD_ROWS];
    if (!report->before_load || !report->after_load)
        return;
    make_load_rows(report->before_load, report->after_load, rows);
    text_title(text, "LOAD (baseline)");
    buffer_printf(text, "%-20s %12s %12s %8s\n", "", "before", "after", "change%");
    for (size_t i = 0; i < N_LOAD_ROWS; i++) {
        buffer_printf(text, "%-20s %12s %12s ", rows[i].name, load_text(&rows[i], rows[i].before).text,
                      load_text(&rows[i], rows[i].after).text);
        if (rows[i].before > 0)
            buffer_printf(text, "%+7.1f%%\n", (rows[i].after / rows[i].before - 1) * 100);
        else
            buffer_printf(text, "%8s\n", "-");
    }
}

/* ---- text -------------------------------------------------------------------------------------------------------- */

static void add_subject_title(struct buffer *text, const struct diff_subject *subject) {
    char heading[DIFF_TITLE_BYTES + 16];
    snprintf(heading, sizeof(heading), "DIFF:      %s", subject->title);
    text_title(text, heading);
}

int diff_report_text(const struct diff_report *report, struct buffer *ret) {
    buffer_add_string(ret, "Before: ");
    text_add_safe(ret, report->before_name);
    buffer_add_string(ret, "\nAfter:  ");
    text_add_safe(ret, report->after_name);
    buffer_add_string(ret, "\n");
    add_load_text(ret, report);
    int error = 0;
    for (size_t i = 0; i < report->n_subjects && !error; i++) {
        struct diff diff;
        error = build(report, &report->subjects[i], &diff);
        if (error)
            break;
        add_subject_title(ret, &report->subjects[i]);
        diff_text_add(ret, &diff, report);
        diff_done(&diff);
    }
    return error ? error : ret->error;
}

/* ---- JSON, and the page that is drawn of it ---------------------------------------------------------------------- */

static void add_both(struct json_writer *json, const char *key, const int64_t *values) {
    json_write_open(json, key, '[');
    json_write_integer(json, NULL, values[0]);
    json_write_integer(json, NULL, values[1]);
    json_write_close(json, '[');
}

static void add_verdict(struct json_writer *json, const struct diff_row *row) {
    json_write_number(json, "change", row->change);
    json_write_string(json, "verdict", verdict_name(row->verdict));
    json_write_number(json, "probability", row->probability);
}

static void add_row(struct json_writer *json, const struct diff_row *row) {
    json_write_open(json, NULL, '{');
    add_both(json, "flat", row->flat);
    add_both(json, "cum", row->cum);
    add_verdict(json, row);
    json_write_string(json, "function", row->function);
    json_write_string(json, "file", row->file);
    json_write_integer(json, "line", row->line);
    json_write_close(json, '{');
}

static void add_diff(struct json_writer *json, const struct diff_report *report, const struct diff_subject *subject,
                     const struct diff *diff) {
    json_write_string(json, "title", subject->title);
    json_write_string(json, "sample_type", diff->type->type);
    json_write_string(json, "unit", diff->type->unit);
    json_write_string(json, "per", diff_per_name(diff->per));
    json_write_open(json, "divided_by", '[');
    json_write_number(json, NULL, diff->exposures[0]);
    json_write_number(json, NULL, diff->exposures[1]);
    json_write_close(json, '[');
    json_write_boolean(json, "by_cum", report->by_cum);
    json_write_number(json, "spread", diff->spread);
    json_write_open(json, "total", '{');
    add_both(json, "value", diff->whole.flat);
    add_verdict(json, &diff->whole);
    json_write_close(json, '{');
    json_write_integer(json, "n_rows", (int64_t)diff->n_rows);
    json_write_integer(json, "n_changed", (int64_t)diff->n_changed);
    json_write_integer(json, "n_more", (int64_t)diff->n_more);
    json_write_open(json, "rows", '[');
    for (size_t i = 0; i < diff->n_rows && (report->top == 0 || i < report->top); i++)
        add_row(json, &diff->rows[i]);
    json_write_close(json, '[');
}

static void add_load(struct json_writer *json, const struct diff_report *report) {
    struct load_row rows[N_LOAD_ROWS];
    if (!report->before_load || !report->after_load)
        return;
    make_load_rows(report->before_load, report->after_load, rows);
    json_write_open(json, "load", '{');
    for (size_t i = 0; i < N_LOAD_ROWS; i++) {
        json_write_open(json, rows[i].key, '[');
        json_write_number(json, NULL, rows[i].before);
        json_write_number(json, NULL, rows[i].after);
        json_write_close(json, '[');
    }
    json_write_close(json, '{');
}

/* With graphs for the page. */
static int add_all(struct json_writer *json, const struct diff_report *report, bool with_graphs) {
    int error = 0;
    json_write_open(json, NULL, '{');
    json_write_string(json, "before", report->before_name);
    json_write_string(json, "after", report->after_name);
    add_load(json, report);
    json_write_open(json, "diffs", '[');
    for (size_t i = 0; i < report->n_subjects && !error; i++) {
        struct diff diff;
        error = build(report, &report->subjects[i], &diff);
        if (error)
            break;
        json_write_open(json, NULL, '{');
        add_diff(json, report, &report->subjects[i], &diff);
        if (with_graphs)
            error = html_add_diff_graph(json, &diff, report);
        json_write_close(json, '{');
        diff_done(&diff);
    }
    json_write_close(json, '[');
    json_write_close(json, '{');
    return error ? error : json->out->error;
}

int diff_report_json(const struct diff_report *report, struct buffer *ret) {
    int error = add_all(&(struct json_writer){.out = ret}, report, /* with_graphs= */ false);
    buffer_add_string(ret, "\n");
    return error ? error : ret->error;
}

int diff_report_html(const struct diff_report *report, struct buffer *ret) {
    buffer_add_string(ret, html_page_head);
    int error = add_all(&(struct json_writer){.out = ret}, report, /* with_graphs= */ true);
    buffer_add_string(ret, html_page_tail);
    return error ? error : ret->error;
}
