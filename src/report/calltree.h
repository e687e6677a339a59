/* A profile as a tree of calls: functions by the path of callers that leads to them. */
#ifndef PIKO_REPORT_CALLTREE_H
#define PIKO_REPORT_CALLTREE_H

#include <stdint.h>

#include "report/stacks.h"

#define CALLTREE_NONE UINT32_MAX
#define CALLTREE_NODES_MAX (1u << 26)

struct calltree_node {
    uint32_t parent; /* always a smaller index; the root is node 0 and its own parent */
    uint32_t function;
};

struct calltree {
    struct calltree_node *nodes; /* [0] is the root, which is no function */
    uint32_t n_nodes;
    uint32_t *node_of; /* per sample of the profile: where its leaf is; CALLTREE_NONE = filtered out */
};

/* 0, -ENOMEM, or -EFBIG with more than CALLTREE_NODES_MAX nodes. Freed by calltree_done(). */
int calltree_build(struct stacks *stacks, struct calltree *ret);
void calltree_done(struct calltree *tree);

/* Values of one sample type: per node, owned by the caller (free()), n_nodes of them. 0 or -ENOMEM. */
int calltree_values(const struct calltree *tree, const struct profile *profile, uint32_t sample_type,
                    int64_t **ret_flat, int64_t **ret_cum);

#endif
