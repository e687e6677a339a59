#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "report/edges.h"
#include "report/text.h"
#include "report/tree_text.h"
#include "report/units.h"

/* A function with its figures. */
struct tally {
    const char *name;
    int64_t flat, cum;
    size_t last_sample;
};

struct peek {
    struct stacks stacks;
    struct tally *functions;
    bool *wanted;           /* per function */
    struct edges edges;     /* by caller */
    struct edge *by_callee; /* the same */
    const struct profile_value_type *type;
    int64_t total;
};

static const char rule[] = "----------------------------------------------------------+-------------\n";

static uint64_t magnitude(int64_t value) {
    return value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
}

static int64_t add(int64_t a, int64_t b) {
    return (int64_t)((uint64_t)a + (uint64_t)b);
}

static void count(struct peek *peek, uint32_t sample_type) {
    const struct profile *profile = peek->stacks.profile;
    for (size_t i = 0; i < profile->n_samples; i++) {
        int64_t value = profile->samples[i].values[sample_type];
        if (value == 0 || !stacks_read(&peek->stacks, &profile->samples[i]))
            continue;
        for (uint32_t j = 0; j < peek->stacks.n_lines; j++) {
            struct tally *tally = &peek->functions[peek->stacks.frames.lines[peek->stacks.lines[j]].function];
            if (j == 0)
                tally->flat = add(tally->flat, value);
            if (tally->last_sample != i + 1)
                tally->cum = add(tally->cum, value);
            tally->last_sample = i + 1;
        }
    }
}

static int choose(struct peek *peek, const struct focus *focus) {
    const struct frames *frames = &peek->stacks.frames;
    peek->functions = calloc((size_t)frames->n_functions + 1, sizeof(*peek->functions));
    peek->wanted = calloc((size_t)frames->n_functions + 1, sizeof(*peek->wanted));
    if (!peek->functions || !peek->wanted)
        return -ENOMEM;
    for (uint32_t i = 0; i < frames->n_lines; i++) {
        uint32_t function = frames->lines[i].function;
        if (peek->functions[function].name)
            continue;
        peek->functions[function].name = frames->lines[i].name;
        peek->wanted[function] = focus_matches(focus, frames->lines[i].name);
    }
    return 0;
}

/* ---- printing ---------------------------------------------------------------------------------------------------- */

static void add_name(struct buffer *text, const char *name) {
    text_add_safe(text, name);
    buffer_add_string(text, "\n");
}

static int compare_callees(const void *left, const void *right) {
    uint32_t a = ((const struct edge *)left)->callee, b = ((const struct edge *)right)->callee;
    return (a > b) - (a < b);
}

static int make_edges(struct peek *peek, uint32_t sample_type) {
    int error = edges_make(&peek->stacks, sample_type, peek->wanted, &peek->edges);
    if (error)
        return error;
    peek->by_callee = calloc(peek->edges.n + 1, sizeof(*peek->by_callee));
    if (!peek->by_callee)
        return -ENOMEM;
    if (peek->edges.n > 0)
        memcpy(peek->by_callee, peek->edges.items, peek->edges.n * sizeof(*peek->by_callee));
    qsort(peek->by_callee, peek->edges.n, sizeof(*peek->by_callee), compare_callees);
    return 0;
}

static int compare_values(const void *left, const void *right) {
    uint64_t a = magnitude(((const struct edge *)left)->value), b = magnitude(((const struct edge *)right)->value);
    return (a < b) - (a > b);
}

static uint32_t own_end(const struct edge *edge, bool callers) {
    return callers ? edge->callee : edge->caller;
}

/* Edges to or from the function, heaviest first; those of one function stand together. */
static void add_edges(struct buffer *text, const struct peek *peek, uint32_t function, bool callers) {
    struct edge *edges = callers ? peek->by_callee : peek->edges.items;
    size_t low = 0, high = peek->edges.n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (own_end(&edges[middle], callers) < function)
            low = middle + 1;
        else
            high = middle;
    }
    while (high < peek->edges.n && own_end(&edges[high], callers) == function)
        high++;
    qsort(edges + low, high - low, sizeof(*edges), compare_values);
    for (size_t i = low; i < high; i++) {
        buffer_printf(text, "%48s %7s |   ", units_value(edges[i].value, peek->type->unit).text,
                      units_percent(edges[i].value, peek->functions[function].cum).text);
        add_name(text, peek->functions[callers ? edges[i].caller : edges[i].callee].name);
    }
}

static void add_function(struct buffer *text, const struct peek *peek, uint32_t function) {
    const struct tally *tally = &peek->functions[function];
    const char *unit = peek->type->unit;
    add_edges(text, peek, function, /* callers= */ true);
    buffer_printf(text, "%12s %7s %12s %7s %15s | ", units_value(tally->flat, unit).text,
                  units_percent(tally->flat, peek->total).text, units_value(tally->cum, unit).text,
                  units_percent(tally->cum, peek->total).text, "");
    add_name(text, tally->name);
    add_edges(text, peek, function, /* callers= */ false);
    buffer_add_string(text, rule);
}

struct weighed {
    uint64_t flat, cum;
    uint32_t function;
};

static int compare_weighed(const void *left, const void *right) {
    const struct weighed *a = left, *b = right;
    if (a->flat != b->flat)
        return a->flat > b->flat ? -1 : 1;
    if (a->cum != b->cum)
        return a->cum > b->cum ? -1 : 1;
    return a->function < b->function ? -1 : a->function > b->function;
}

static int add_functions(struct buffer *text, const struct peek *peek, unsigned top) {
    uint32_t n_functions = peek->stacks.frames.n_functions;
    _cleanup_free_ struct weighed *order = calloc((size_t)n_functions + 1, sizeof(*order));
    size_t n = 0;
    if (!order)
        return -ENOMEM;
    for (uint32_t i = 0; i < n_functions; i++) {
        const struct tally *tally = &peek->functions[i];
        if (peek->wanted[i] && tally->last_sample > 0)
            order[n++] = (struct weighed){magnitude(tally->flat), magnitude(tally->cum), i};
    }
    if (n == 0)
        return -ENOENT;
    qsort(order, n, sizeof(*order), compare_weighed);
    buffer_printf(text, "%12s %7s %12s %7s %7s %7s | context\n", "flat", "flat%", "cum", "cum%", "calls", "calls%");
    buffer_add_string(text, rule);
    size_t n_shown = top > 0 && top < n ? top : n;
    for (size_t i = 0; i < n_shown; i++)
        add_function(text, peek, order[i].function);
    if (n_shown < n)
        buffer_printf(text, "%zu more functions match\n", n - n_shown);
    return 0;
}

int peek_text_add(struct buffer *text, const struct profile *profile, uint32_t sample_type, const struct focus *focus,
                  const struct report_options *options) {
    struct peek peek = {.type = &profile->sample_types[sample_type], .total = table_whole(profile, sample_type)};
    int error = stacks_make(profile, &options->filter, &peek.stacks);
    if (!error)
        error = choose(&peek, focus);
    if (!error) {
        count(&peek, sample_type);
        error = make_edges(&peek, sample_type);
    }
    if (!error)
        error = add_functions(text, &peek, options->top);
    edges_done(&peek.edges);
    free(peek.by_callee);
    free(peek.functions);
    free(peek.wanted);
    stacks_done(&peek.stacks);
    return error;
}
