#include "report/calltree.h"

#include <errno.h>
#include <stdlib.h>

#include "base/hash.h"

struct builder {
    struct calltree tree;
    uint32_t space;
    struct hash_table children; /* nodes by (parent, function) */
    uint64_t seed;
};

static int add_node(struct builder *builder, uint32_t parent, uint32_t function) {
    struct calltree *tree = &builder->tree;
    if (tree->n_nodes == CALLTREE_NODES_MAX)
        return -EFBIG;
    if (tree->n_nodes == builder->space) {
        uint32_t space = builder->space ? builder->space * 2 : 1024;
        struct calltree_node *nodes = realloc(tree->nodes, space * sizeof(*nodes));
        if (!nodes)
            return -ENOMEM;
        tree->nodes = nodes;
        builder->space = space;
    }
    tree->nodes[tree->n_nodes++] = (struct calltree_node){.parent = parent, .function = function};
    return 0;
}

/* The child of that function, made when it is missing. */
static int descend(struct builder *builder, uint32_t *node, uint32_t function) {
    const struct calltree_node *nodes = builder->tree.nodes;
    uint32_t hash = hash_end(hash_word(builder->seed, (uint64_t)*node << 32 | function)), child;
    for (size_t at = hash; (child = hash_table_next(&builder->children, hash, &at)) != HASH_NONE;) {
        if (nodes[child].parent == *node && nodes[child].function == function) {
            *node = child;
            return 0;
        }
    }
    child = builder->tree.n_nodes;
    int error = add_node(builder, *node, function);
    if (!error)
        error = hash_table_insert(&builder->children, hash, child);
    *node = child;
    return error;
}

static int add_stack(struct builder *builder, const struct stacks *stacks, uint32_t *ret) {
    uint32_t node = 0;
    int error = 0;
    for (uint32_t n = stacks->n_lines; n > 0 && !error; n--)
        error = descend(builder, &node, stacks->frames.lines[stacks->lines[n - 1]].function);
    *ret = node;
    return error;
}

int calltree_build(struct stacks *stacks, struct calltree *ret) {
    struct builder builder = {.seed = hash_seed()};
    const struct profile *profile = stacks->profile;
    builder.tree.node_of = calloc(profile->n_samples + 1, sizeof(*builder.tree.node_of));
    int error = builder.tree.node_of ? add_node(&builder, 0, 0) : -ENOMEM;
    for (size_t i = 0; i < profile->n_samples && !error; i++) {
        if (stacks_read(stacks, &profile->samples[i]))
            error = add_stack(&builder, stacks, &builder.tree.node_of[i]);
        else
            builder.tree.node_of[i] = CALLTREE_NONE;
    }
    hash_table_done(&builder.children);
    if (error)
        calltree_done(&builder.tree);
    else
        *ret = builder.tree;
    return error;
}

void calltree_done(struct calltree *tree) {
    free(tree->nodes);
    free(tree->node_of);
    *tree = (struct calltree){0};
}

int calltree_values(const struct calltree *tree, const struct profile *profile, uint32_t sample_type,
                    int64_t **ret_flat, int64_t **ret_cum) {
    int64_t *flat = calloc(tree->n_nodes, sizeof(*flat)), *cum = calloc(tree->n_nodes, sizeof(*cum));
    if (!flat || !cum) {
        free(flat);
        free(cum);
        return -ENOMEM;
    }
    for (size_t i = 0; i < profile->n_samples; i++)
        if (tree->node_of[i] != CALLTREE_NONE)
            flat[tree->node_of[i]] =
                (int64_t)((uint64_t)flat[tree->node_of[i]] + (uint64_t)profile->samples[i].values[sample_type]);
    for (uint32_t n = tree->n_nodes; n > 0; n--) {
        uint32_t node = n - 1;
        cum[node] = (int64_t)((uint64_t)cum[node] + (uint64_t)flat[node]);
        if (node > 0)
            cum[tree->nodes[node].parent] = (int64_t)((uint64_t)cum[tree->nodes[node].parent] + (uint64_t)cum[node]);
    }
    *ret_flat = flat;
    *ret_cum = cum;
    return 0;
}
