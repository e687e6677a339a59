#include "report/edges.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"

static int compare_edges(const void *left, const void *right) {
    const struct edge *a = left, *b = right;
    if (a->caller != b->caller)
        return a->caller < b->caller ? -1 : 1;
    return (a->callee > b->callee) - (a->callee < b->callee);
}

/* Sort, and make one of those that are the same: with their values added up, or with the first one's. */
static size_t unite(struct edge *edges, size_t n, bool sums) {
    size_t kept = 0;
    qsort(edges, n, sizeof(*edges), compare_edges);
    for (size_t i = 0; i < n; i++) {
        if (kept > 0 && compare_edges(&edges[kept - 1], &edges[i]) == 0) {
            if (sums)
                edges[kept - 1].value = (int64_t)((uint64_t)edges[kept - 1].value + (uint64_t)edges[i].value);
        } else {
            edges[kept++] = edges[i];
        }
    }
    return kept;
}

/* Make room for `n` more; what is there is united first, so that memory follows the edges and not the frames. */
static int make_room(struct edges *edges, size_t *space, size_t n) {
    if (edges->n + n <= *space)
        return 0;
    edges->n = unite(edges->items, edges->n, /* sums= */ true);
    if (edges->n + n <= *space / 2)
        return 0;
    size_t wanted = (edges->n + n) * 2;
    struct edge *items = realloc(edges->items, wanted * sizeof(*items));
    if (!items)
        return -ENOMEM;
    edges->items = items;
    *space = wanted;
    return 0;
}

static void add_stack(struct edges *edges, const struct stacks *stacks, int64_t value, const bool *wanted) {
    size_t start = edges->n;
    for (uint32_t i = 0; i + 1 < stacks->n_lines; i++) {
        uint32_t callee = stacks->frames.lines[stacks->lines[i]].function;
        uint32_t caller = stacks->frames.lines[stacks->lines[i + 1]].function;
        if (caller != callee && (wanted[caller] || wanted[callee]))
            edges->items[edges->n++] = (struct edge){.caller = caller, .callee = callee, .value = value};
    }
    edges->n = start + unite(edges->items + start, edges->n - start, /* sums= */ false);
}

int edges_make(struct stacks *stacks, uint32_t sample_type, const bool *wanted, struct edges *ret) {
    struct edges edges = {.items = calloc(1024, sizeof(*edges.items))};
    size_t space = 1024;
    int error = edges.items ? 0 : -ENOMEM;
    for (size_t i = 0; i < stacks->profile->n_samples && !error; i++) {
        const struct profile_sample *sample = &stacks->profile->samples[i];
        if (sample->values[sample_type] == 0 || !stacks_read(stacks, sample))
            continue;
        error = make_room(&edges, &space, stacks->n_lines);
        if (!error)
            add_stack(&edges, stacks, sample->values[sample_type], wanted);
    }
    if (error) {
        edges_done(&edges);
        return error;
    }
    edges.n = unite(edges.items, edges.n, /* sums= */ true);
    *ret = edges;
    return 0;
}

void edges_done(struct edges *edges) {
    free(edges->items);
    *edges = (struct edges){0};
}
