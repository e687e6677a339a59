#include "report/table.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "report/frames.h"
#include "report/prune.h"

/* What a line or a function has got so far. */
struct tally {
    int64_t flat, cum;
    size_t last_sample; /* that added to cum, counted from 1 */
};

struct tables {
    const struct profile *profile;
    struct frames frames;
    struct pruning pruning;
    bool *keeps;                     /* per location: the focus matches it; NULL = everything is kept */
    struct tally *lines, *functions; /* as in frames */
};

/* Sums wrap as pprof's do: only absurd profiles get there, and no sum of theirs is right. */
static int64_t add(int64_t a, int64_t b) {
    return (int64_t)((uint64_t)a + (uint64_t)b);
}

static uint64_t magnitude(int64_t value) {
    return value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
}

/* ---- focus: every name is matched once --------------------------------------------------------------------------- */

static bool location_is_kept(const struct tables *tables, const bool *functions, const bool *mappings, uint32_t index) {
    const struct profile_location *location = &tables->profile->locations[index];
    for (uint32_t i = pruning_inner_lines(&tables->pruning, index); i < location->n_lines; i++)
        if (functions[location->lines[i].function])
            return true;
    return location->mapping != PROFILE_NONE && mappings[location->mapping];
}

static int match_focus(struct tables *tables, const struct focus *focus) {
    const struct profile *profile = tables->profile;
    if (!focus)
        return 0;
    _cleanup_free_ bool *functions = calloc((size_t)profile->n_functions + 1, sizeof(*functions));
    _cleanup_free_ bool *mappings = calloc((size_t)profile->n_mappings + 1, sizeof(*mappings));
    tables->keeps = calloc((size_t)profile->n_locations + 1, sizeof(*tables->keeps));
    if (!functions || !mappings || !tables->keeps)
        return -ENOMEM;
    for (uint32_t i = 0; i < profile->n_functions; i++)
        functions[i] =
            focus_matches(focus, profile->functions[i].name) || focus_matches(focus, profile->functions[i].filename);
    for (uint32_t i = 0; i < profile->n_mappings; i++)
        mappings[i] = focus_matches(focus, profile->mappings[i].file);
    for (uint32_t i = 0; i < profile->n_locations; i++)
        tables->keeps[i] = location_is_kept(tables, functions, mappings, i);
    return 0;
}

static bool sample_is_kept(const struct tables *tables, const struct profile_sample *sample, uint32_t leaf) {
    if (!tables->keeps)
        return true;
    for (uint32_t i = leaf; i < sample->n_locations; i++)
        if (tables->keeps[sample->locations[i]])
            return true;
    return false;
}

/* ---- counting ---------------------------------------------------------------------------------------------------- */

static void count_frame(struct tables *tables, uint32_t line, int64_t value, size_t sample) {
    struct tally *both[] = {&tables->lines[line], &tables->functions[tables->frames.lines[line].function]};
    for (size_t i = 0; i < 2; i++) {
        if (both[i]->last_sample == sample)
            continue;
        both[i]->last_sample = sample;
        both[i]->cum = add(both[i]->cum, value);
    }
}

static void count_stack(struct tables *tables, const struct profile_sample *sample, uint32_t leaf, int64_t value,
                        size_t number) {
    const struct frames *frames = &tables->frames;
    for (uint32_t i = leaf; i < sample->n_locations; i++) {
        uint32_t location = sample->locations[i];
        size_t innermost = frames->first[location] + pruning_inner_lines(&tables->pruning, location);
        for (size_t frame = innermost; frame < frames->first[location + 1]; frame++)
            count_frame(tables, frames->line_of[frame], value, number);
        if (i == leaf) {
            uint32_t line = frames->line_of[innermost], function = frames->lines[line].function;
            tables->lines[line].flat = add(tables->lines[line].flat, value);
            tables->functions[function].flat = add(tables->functions[function].flat, value);
        }
    }
}

static bool is_diff_base(const struct profile_sample *sample) {
    for (uint32_t i = 0; i < sample->n_labels; i++) {
        const struct profile_label *label = &sample->labels[i];
        if (label->string && strcmp(label->key, "pprof::base") == 0 && strcmp(label->string, "true") == 0)
            return true;
    }
    return false;
}

/* The whole is the sum of magnitudes; of a difference with marked base samples, that of its base. */
static int64_t whole(const struct profile *profile, uint32_t sample_type) {
    int64_t total = 0, base = 0;
    for (size_t i = 0; i < profile->n_samples; i++) {
        int64_t value = (int64_t)magnitude(profile->samples[i].values[sample_type]);
        total = add(total, value);
        if (is_diff_base(&profile->samples[i]))
            base = add(base, value);
    }
    return base > 0 ? base : total;
}

static void count_samples(struct tables *tables, uint32_t sample_type, struct table *table) {
    for (size_t i = 0; i < tables->profile->n_samples; i++) {
        const struct profile_sample *sample = &tables->profile->samples[i];
        int64_t value = sample->values[sample_type];
        uint32_t leaf = pruning_leaf(&tables->pruning, sample);
        if (value == 0 || !sample_is_kept(tables, sample, leaf))
            continue;
        table->kept = add(table->kept, (int64_t)magnitude(value));
        table->n_kept++;
        count_stack(tables, sample, leaf, value, i + 1);
    }
}

/* ---- rows -------------------------------------------------------------------------------------------------------- */

static int heavier(uint64_t a, uint64_t b) {
    return (a < b) - (a > b);
}

static int compare_weights(int64_t flat_a, int64_t cum_a, int64_t flat_b, int64_t cum_b) {
    int order = heavier(magnitude(flat_a), magnitude(flat_b));
    return order ? order : heavier(magnitude(cum_a), magnitude(cum_b));
}

static int compare_rows(const void *left, const void *right) {
    const struct table_row *a = left, *b = right;
    int order = compare_weights(a->flat, a->cum, b->flat, b->cum);
    if (!order)
        order = strcmp(a->function, b->function);
    if (!order)
        order = strcmp(a->file, b->file);
    return order ? order : (a->line > b->line) - (a->line < b->line);
}

static void add_row(struct table *table, const struct frame_line *line, const struct tally *tally) {
    if (tally->flat == 0 && tally->cum == 0)
        return;
    table->rows[table->n_rows++] = (struct table_row){
        .function = line->name, .file = line->file, .line = line->line, .flat = tally->flat, .cum = tally->cum};
}

static void add_line_rows(const struct tables *tables, struct table *table) {
    for (uint32_t i = 0; i < tables->frames.n_lines; i++)
        add_row(table, &tables->frames.lines[i], &tables->lines[i]);
}

/* Each function with its heaviest line. */
static void add_function_rows(const struct tables *tables, struct table *table) {
    const struct frame_line *lines = tables->frames.lines;
    uint32_t heaviest = 0;
    for (uint32_t i = 0; i < tables->frames.n_lines; i++) {
        const struct tally *best = &tables->lines[heaviest], *line = &tables->lines[i];
        if (lines[i].function != lines[heaviest].function ||
            compare_weights(line->flat, line->cum, best->flat, best->cum) < 0)
            heaviest = i;
        if (i + 1 == tables->frames.n_lines || lines[i + 1].function != lines[i].function)
            add_row(table, &lines[heaviest], &tables->functions[lines[i].function]);
    }
}

static int make_rows(struct tables *tables, enum table_group group, struct table *table) {
    table->rows = calloc((size_t)tables->frames.n_lines + 1, sizeof(*table->rows));
    if (!table->rows)
        return -ENOMEM;
    if (group == TABLE_BY_LINE)
        add_line_rows(tables, table);
    else
        add_function_rows(tables, table);
    qsort(table->rows, table->n_rows, sizeof(*table->rows), compare_rows);
    table->strings = tables->frames.strings;
    tables->frames.strings = NULL;
    return 0;
}

static int make_tables(struct tables *tables, const struct focus *focus) {
    int error = frames_make(tables->profile, &tables->frames);
    if (error)
        return error;
    tables->lines = calloc((size_t)tables->frames.n_lines + 1, sizeof(*tables->lines));
    tables->functions = calloc((size_t)tables->frames.n_functions + 1, sizeof(*tables->functions));
    if (!tables->lines || !tables->functions)
        return -ENOMEM;
    error = pruning_make(tables->profile, &tables->pruning);
    return error ? error : match_focus(tables, focus);
}

static void tables_done(struct tables *tables) {
    frames_done(&tables->frames);
    pruning_done(&tables->pruning);
    free(tables->keeps);
    free(tables->lines);
    free(tables->functions);
}

int table_build(const struct profile *profile, uint32_t sample_type, enum table_group group, const struct focus *focus,
                struct table *ret) {
    if (sample_type >= profile->n_sample_types)
        return -EINVAL;
    struct tables tables = {.profile = profile};
    struct table table = {.type = &profile->sample_types[sample_type], .total = whole(profile, sample_type)};
    int error = make_tables(&tables, focus);
    if (!error) {
        count_samples(&tables, sample_type, &table);
        error = make_rows(&tables, group, &table);
    }
    tables_done(&tables);
    if (!error)
        *ret = table;
    return error;
}

void table_done(struct table *table) {
    if (!table)
        return;
    free(table->rows);
    free(table->strings);
    *table = (struct table){0};
}
