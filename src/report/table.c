#include "report/table.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* What a line or a function has got so far. */
struct tally {
    int64_t flat, cum;
    size_t last_sample; /* that added to cum, counted from 1 */
};

struct tables {
    struct stacks stacks;
    enum table_group group;
    struct tally *lines;  /* as in stacks.frames */
    struct tally *groups; /* `lines` itself when grouped by line */
};

/* Sums wrap as pprof's do: only absurd profiles get there, and no sum of theirs is right. */
static int64_t add(int64_t a, int64_t b) {
    return (int64_t)((uint64_t)a + (uint64_t)b);
}

static uint64_t magnitude(int64_t value) {
    return value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
}

uint32_t table_group_of(const struct frames *frames, enum table_group group, uint32_t line) {
    if (group == TABLE_BY_LINE)
        return line;
    return group == TABLE_BY_FUNCTION ? frames->lines[line].function : frames->lines[line].in_file;
}

uint32_t table_n_groups(const struct frames *frames, enum table_group group) {
    if (group == TABLE_BY_LINE)
        return frames->n_lines;
    return group == TABLE_BY_FUNCTION ? frames->n_functions : frames->n_in_files;
}

/* ---- counting ---------------------------------------------------------------------------------------------------- */

static void count(struct tally *tally, int64_t value, bool is_leaf, size_t sample) {
    if (is_leaf)
        tally->flat = add(tally->flat, value);
    if (tally->last_sample == sample)
        return;
    tally->last_sample = sample;
    tally->cum = add(tally->cum, value);
}

static void count_stack(struct tables *tables, int64_t value, size_t sample) {
    const struct stacks *stacks = &tables->stacks;
    for (uint32_t i = 0; i < stacks->n_lines; i++) {
        uint32_t line = stacks->lines[i];
        count(&tables->lines[line], value, i == 0, sample);
        if (tables->groups != tables->lines)
            count(&tables->groups[table_group_of(&stacks->frames, tables->group, line)], value, i == 0, sample);
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

int64_t table_whole(const struct profile *profile, uint32_t sample_type) {
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
    const struct profile *profile = tables->stacks.profile;
    for (size_t i = 0; i < profile->n_samples; i++) {
        int64_t value = profile->samples[i].values[sample_type];
        if (value == 0 || !stacks_read(&tables->stacks, &profile->samples[i]))
            continue;
        table->kept = add(table->kept, (int64_t)magnitude(value));
        table->n_kept++;
        count_stack(tables, value, i + 1);
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

/* Each group with its heaviest line; its lines stand together. */
static void add_rows(const struct tables *tables, struct table *table) {
    const struct frames *frames = &tables->stacks.frames;
    uint32_t heaviest = 0;
    for (uint32_t i = 0; i < frames->n_lines; i++) {
        const struct tally *best = &tables->lines[heaviest], *line = &tables->lines[i];
        uint32_t group = table_group_of(frames, tables->group, i);
        if (group != table_group_of(frames, tables->group, heaviest) ||
            compare_weights(line->flat, line->cum, best->flat, best->cum) < 0)
            heaviest = i;
        if (i + 1 == frames->n_lines || table_group_of(frames, tables->group, i + 1) != group)
            add_row(table, &frames->lines[heaviest], &tables->groups[group]);
    }
}

static int make_rows(struct tables *tables, struct table *table) {
    struct frames *frames = &tables->stacks.frames;
    table->rows = calloc((size_t)table_n_groups(frames, tables->group) + 1, sizeof(*table->rows));
    if (!table->rows)
        return -ENOMEM;
    add_rows(tables, table);
    qsort(table->rows, table->n_rows, sizeof(*table->rows), compare_rows);
    table->strings = frames->strings;
    frames->strings = NULL;
    return 0;
}

static int make_tables(struct tables *tables, const struct profile *profile, const struct filter *filter) {
    int error = stacks_make(profile, filter, &tables->stacks);
    if (error)
        return error;
    const struct frames *frames = &tables->stacks.frames;
    tables->lines = calloc((size_t)frames->n_lines + 1, sizeof(*tables->lines));
    tables->groups = tables->lines;
    if (tables->group != TABLE_BY_LINE)
        tables->groups = calloc((size_t)table_n_groups(frames, tables->group) + 1, sizeof(*tables->groups));
    return tables->lines && tables->groups ? 0 : -ENOMEM;
}

static void tables_done(struct tables *tables) {
    stacks_done(&tables->stacks);
    if (tables->groups != tables->lines)
        free(tables->groups);
    free(tables->lines);
}

int table_build(const struct profile *profile, uint32_t sample_type, enum table_group group,
                const struct filter *filter, struct table *ret) {
    if (sample_type >= profile->n_sample_types)
        return -EINVAL;
    struct tables tables = {.group = group};
    struct table table = {.type = &profile->sample_types[sample_type], .total = table_whole(profile, sample_type)};
    int error = make_tables(&tables, profile, filter);
    if (!error) {
        count_samples(&tables, sample_type, &table);
        error = make_rows(&tables, &table);
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
