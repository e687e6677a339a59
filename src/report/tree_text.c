#include "report/tree_text.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "report/calltree.h"
#include "report/names.h"
#include "report/text.h"
#include "report/units.h"

#define FIGURES_WIDTH 43u /* columns in front of the names */
#define INDENT_MOST 60u   /* levels that are set in; deeper ones stay there */
#define NAME_WIDTH_LEAST 16u

/* A node in the order of printing. */
struct branch {
    uint32_t node, depth;
};

struct tree {
    const struct frames *frames;
    const char **names; /* per function */
    struct calltree calls;
    int64_t *flat, *cum;
    uint32_t *first_child, *next_sibling; /* heaviest first; 0 = none: the root is nobody's child */
    const struct profile_value_type *type;
    int64_t total, least;
};

static uint64_t magnitude(int64_t value) {
    return value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
}

struct weighed {
    uint64_t weight;
    uint32_t node;
};

/* Lightest first, later ones first among equals: children are put in front of those that are there. */
static int compare_weighed(const void *left, const void *right) {
    const struct weighed *a = left, *b = right;
    if (a->weight != b->weight)
        return a->weight < b->weight ? -1 : 1;
    return a->node > b->node ? -1 : 1;
}

static int link_children(struct tree *tree) {
    uint32_t n = tree->calls.n_nodes;
    _cleanup_free_ struct weighed *order = calloc(n, sizeof(*order));
    tree->first_child = calloc(n, sizeof(*tree->first_child));
    tree->next_sibling = calloc(n, sizeof(*tree->next_sibling));
    if (!order || !tree->first_child || !tree->next_sibling)
        return -ENOMEM;
    for (uint32_t i = 0; i < n; i++)
        order[i] = (struct weighed){.weight = magnitude(tree->cum[i]), .node = i};
    qsort(order, n, sizeof(*order), compare_weighed);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t node = order[i].node, parent = tree->calls.nodes[node].parent;
        if (node == 0 || order[i].weight < (uint64_t)tree->least)
            continue;
        tree->next_sibling[node] = tree->first_child[parent];
        tree->first_child[parent] = node;
    }
    return 0;
}

static void add_node(struct buffer *text, const struct tree *tree, const struct branch *branch,
                     const struct text_form *form) {
    int64_t flat = tree->flat[branch->node], cum = tree->cum[branch->node];
    const char *unit = tree->type->unit;
    unsigned indent = branch->depth < INDENT_MOST ? branch->depth : INDENT_MOST;
    buffer_printf(text, "%12s %7s %12s %7s  %*s", units_value(cum, unit).text, units_percent(cum, tree->total).text,
                  units_value(flat, unit).text, units_percent(flat, tree->total).text, (int)indent, "");
    _cleanup_buffer_ struct buffer name = BUFFER_INIT(0);
    text_add_safe(&name, branch->node == 0 ? "all" : tree->names[tree->calls.nodes[branch->node].function]);
    unsigned used = FIGURES_WIDTH + indent;
    if (form->width > 0)
        name_shorten(name.data ? name.data : "",
                     form->width > used + NAME_WIDTH_LEAST ? form->width - used : NAME_WIDTH_LEAST, form->utf8, text);
    else
        buffer_add_string(text, name.data ? name.data : "");
    buffer_add_string(text, "\n");
}

/* Not by recursion: a stack may be a million frames deep. */
static void add_nodes(struct buffer *text, const struct tree *tree, const struct text_form *form) {
    struct branch at = {0};
    buffer_printf(text, "%12s %7s %12s %7s  %s\n", "cum", "cum%", "flat", "flat%", "calls");
    for (;;) {
        add_node(text, tree, &at, form);
        if (tree->first_child[at.node]) {
            at = (struct branch){.node = tree->first_child[at.node], .depth = at.depth + 1};
            continue;
        }
        while (at.node && !tree->next_sibling[at.node])
            at = (struct branch){.node = tree->calls.nodes[at.node].parent, .depth = at.depth - 1};
        if (!at.node)
            return;
        at.node = tree->next_sibling[at.node];
    }
}

static int make_tree(struct tree *tree, struct stacks *stacks, uint32_t sample_type) {
    int error = calltree_build(stacks, &tree->calls);
    if (!error)
        error = calltree_values(&tree->calls, stacks->profile, sample_type, &tree->flat, &tree->cum);
    if (error)
        return error;
    tree->names = calloc((size_t)stacks->frames.n_functions + 1, sizeof(*tree->names));
    if (!tree->names)
        return -ENOMEM;
    for (uint32_t i = 0; i < stacks->frames.n_lines; i++)
        tree->names[stacks->frames.lines[i].function] = stacks->frames.lines[i].name;
    return link_children(tree);
}

static void tree_done(struct tree *tree) {
    calltree_done(&tree->calls);
    free(tree->names);
    free(tree->flat);
    free(tree->cum);
    free(tree->first_child);
    free(tree->next_sibling);
}

int tree_text_add(struct buffer *text, const struct profile *profile, uint32_t sample_type,
                  const struct report_options *options) {
    struct stacks stacks;
    struct tree tree = {.type = &profile->sample_types[sample_type], .total = table_whole(profile, sample_type)};
    tree.least = options->top ? (int64_t)((double)tree.total * TREE_SHARE_LEAST) : 0;
    int error = stacks_make(profile, &options->filter, &stacks);
    if (error)
        return error;
    error = make_tree(&tree, &stacks, sample_type);
    if (!error) {
        add_nodes(text, &tree, &options->form);
        if (tree.least > 0)
            buffer_printf(text, "Calls of less than %.1f%% of the total are left out; --top 0 shows them\n",
                          TREE_SHARE_LEAST * 100);
    }
    tree_done(&tree);
    stacks_done(&stacks);
    return error;
}
