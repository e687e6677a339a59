/* The report's figures as JSON. Values are in the profile's own units; percentages follow from them. */
#include "report/json_parts.h"
#include "report/views.h"

static const char *group_name(enum table_group group) {
    static const char *const names[] = {
        [TABLE_BY_FUNCTION] = "function", [TABLE_BY_FUNCTION_IN_FILE] = "file", [TABLE_BY_LINE] = "line"};
    return names[group];
}

static void add_row(struct json_writer *json, const struct table_row *row) {
    json_write_open(json, NULL, '{');
    json_write_integer(json, "flat", row->flat);
    json_write_integer(json, "cum", row->cum);
    json_write_string(json, "function", row->function);
    json_write_string(json, "file", row->file);
    json_write_integer(json, "line", row->line);
    json_write_close(json, '{');
}

static int add_table(struct json_writer *json, const struct report_phase *phase, const struct view *view,
                     const struct report_options *options) {
    struct table table;
    int error = table_build(phase->profile, view->sample_type, view->group, &options->filter, &table);
    if (error)
        return error;
    json_write_open(json, NULL, '{');
    json_write_string(json, "title", view->title);
    json_write_string(json, "sample_type", table.type->type);
    json_write_string(json, "unit", table.type->unit);
    json_write_string(json, "group", group_name(view->group));
    json_write_integer(json, "total", table.total);
    json_write_integer(json, "kept", table.kept);
    json_write_integer(json, "requests", (int64_t)phase->requests);
    json_write_integer(json, "n_rows", (int64_t)table.n_rows);
    json_write_open(json, "rows", '[');
    for (size_t i = 0; i < table.n_rows && (options->top == 0 || i < options->top); i++)
        add_row(json, &table.rows[i]);
    json_write_close(json, '[');
    json_write_close(json, '{');
    table_done(&table);
    return 0;
}

int json_add_tables(struct json_writer *json, const struct report_phase *phase, const struct report_options *options) {
    struct view views[VIEWS_MAX];
    size_t n = phase->profile ? views_of(phase, options, views) : 0;
    int error = 0;
    for (size_t i = 0; i < n && !error; i++)
        error = add_table(json, phase, &views[i], options);
    return error;
}

int report_json(const struct report_run *run, const struct report_options *options, struct buffer *ret) {
    struct json_writer json = {.out = ret};
    int error = 0;
    json_write_open(&json, NULL, '{');
    json_add_run(&json, run);
    json_write_open(&json, "tables", '[');
    for (size_t i = 0; i < run->n_phases && !error; i++)
        error = json_add_tables(&json, &run->phases[i], options);
    json_write_close(&json, '[');
    if (!error)
        error = json_add_locks(&json, run, options);
    json_write_close(&json, '{');
    buffer_add_string(ret, "\n");
    return error ? error : ret->error;
}
