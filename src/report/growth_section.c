/* Memory that was in use after the allocs phase and not before it, by stack. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "report/calltree.h"
#include "report/names.h"
#include "report/sections.h"
#include "report/text.h"
#include "report/units.h"

#define STACKS_SHOWN 10u
#define FRAMES_SHOWN 12u
#define FIGURES_WIDTH 33u

struct grown {
    uint32_t node;
    int64_t bytes, objects;
};

static int compare_grown(const void *left, const void *right) {
    const struct grown *a = left, *b = right;
    if (a->bytes != b->bytes)
        return a->bytes > b->bytes ? -1 : 1;
    return a->node < b->node ? -1 : a->node > b->node;
}

/* As many of its frames as fit; `width` 0 = no limit but FRAMES_SHOWN. */
static void add_stack(struct buffer *text, const struct calltree *tree, const char *const *names, uint32_t node,
                      size_t width) {
    size_t used = 0;
    for (unsigned n = 0; node != 0; n++, node = tree->nodes[node].parent) {
        _cleanup_buffer_ struct buffer name = BUFFER_INIT(0);
        text_add_safe(&name, names[tree->nodes[node].function]);
        const char *safe = name.data ? name.data : "";
        used += name_width(safe) + sizeof(" < ");
        if (n == FRAMES_SHOWN || (n > 0 && width > 0 && used > width)) {
            buffer_add_string(text, " <");
            break;
        }
        buffer_printf(text, "%s%s", n > 0 ? " < " : "", safe);
    }
    buffer_add_string(text, "\n");
}

static void add_rows(struct buffer *text, const struct calltree *tree, const char *const *names,
                     const struct grown *rows, size_t n, unsigned width) {
    int64_t total = 0;
    for (size_t i = 0; i < n; i++)
        total += rows[i].bytes;
    text_title(text, "MEMORY THAT GREW (in use after the allocs phase, not before)");
    buffer_printf(text, "Total: %s\n\n%12s %7s %10s  %s\n", units_value(total, "bytes").text, "grown", "share",
                  "objects", "stack, innermost first");
    for (size_t i = 0; i < n && i < STACKS_SHOWN; i++) {
        buffer_printf(text, "%12s %7s %10" PRId64 "  ", units_value(rows[i].bytes, "bytes").text,
                      units_percent(rows[i].bytes, total).text, rows[i].objects);
        add_stack(text, tree, names, rows[i].node, width > FIGURES_WIDTH ? width - FIGURES_WIDTH : width);
    }
    if (n > STACKS_SHOWN)
        buffer_printf(text, "%zu more stacks are left out\n", n - STACKS_SHOWN);
}

static size_t collect(const struct calltree *tree, const struct profile *profile, uint32_t space, uint32_t objects,
                      struct grown *rows) {
    size_t n = 0;
    for (uint32_t i = 0; i < tree->n_nodes; i++)
        rows[i].node = i;
    for (size_t i = 0; i < profile->n_samples; i++) {
        uint32_t node = tree->node_of[i];
        if (node == CALLTREE_NONE)
            continue;
        rows[node].bytes += profile->samples[i].values[space];
        rows[node].objects += profile->samples[i].values[objects];
    }
    for (uint32_t i = 0; i < tree->n_nodes; i++)
        if (rows[i].bytes > 0)
            rows[n++] = rows[i];
    qsort(rows, n, sizeof(*rows), compare_grown);
    return n;
}

static int add_grown(struct buffer *text, struct stacks *stacks, uint32_t space, uint32_t objects, unsigned width) {
    struct calltree tree;
    int error = calltree_build(stacks, &tree);
    if (error)
        return error;
    _cleanup_free_ struct grown *rows = calloc((size_t)tree.n_nodes + 1, sizeof(*rows));
    _cleanup_free_ const char **names = calloc((size_t)stacks->frames.n_functions + 1, sizeof(*names));
    if (rows && names) {
        for (uint32_t i = 0; i < stacks->frames.n_lines; i++)
            names[stacks->frames.lines[i].function] = stacks->frames.lines[i].name;
        size_t n = collect(&tree, stacks->profile, space, objects, rows);
        if (n > 0)
            add_rows(text, &tree, names, rows, n, width);
    } else {
        error = -ENOMEM;
    }
    calltree_done(&tree);
    return error;
}

int section_growth(struct buffer *text, const struct report_phase *allocs, const struct report_options *options) {
    uint32_t space = profile_find_sample_type(allocs->profile, "inuse_space");
    uint32_t objects = profile_find_sample_type(allocs->profile, "inuse_objects");
    struct stacks stacks;
    if (space == PROFILE_NONE || objects == PROFILE_NONE)
        return 0;
    int error = stacks_make(allocs->profile, &options->filter, &stacks);
    if (error)
        return error;
    error = add_grown(text, &stacks, space, objects, options->form.width);
    stacks_done(&stacks);
    return error;
}
