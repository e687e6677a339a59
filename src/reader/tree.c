/* What is answered at once: profiles, dumps and figures of several processes. */
#include "reader/tree.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "reader/tree_internal.h"

#define SINCE_NOW UINT64_MAX /* of those that ended: none */

int tree_merge(struct profile **profiles, size_t n, int error, struct profile **ret) {
    size_t there = 0;
    for (size_t i = 0; i < n; i++)
        if (profiles[i])
            profiles[there++] = profiles[i];
    if (there == 1) {
        *ret = profiles[0];
        return 0;
    }
    int failed = error;
    if (there > 1)
        failed = profile_merge((const struct profile *const *)profiles, /* scales= */ NULL, there, ret);
    for (size_t i = 0; i < there; i++)
        profile_free(profiles[i]);
    return failed;
}

int tree_profile(struct tree *tree, uint32_t pid, enum reader_kind kind, struct profile **ret) {
    struct picked picked;
    int error = tree_pick(tree, pid, SINCE_NOW, &picked);
    if (error)
        return error;
    int late = 0;
    _cleanup_free_ struct profile **profiles = calloc(picked.n + 1, sizeof(struct profile *));
    for (size_t i = 0; i < picked.n && profiles; i++) {
        error = reader_profile(picked.list[i]->reader, kind, &profiles[i]);
        late = error ? error : late;
    }
    error = profiles ? tree_merge(profiles, picked.n, late ? late : -ESRCH, ret) : -ENOMEM;
    tree_drop(tree, &picked);
    return error ? error : late;
}

static void dump_head(const struct process *process, struct buffer *ret) {
    enum tree_state state = tree_look(process);
    buffer_printf(ret, "# process %" PRIu32 " %s (%s), parent %" PRIu32 ", %s", process->pid, process->name,
                  process->command, process->parent, tree_state_name(state));
    if (state != TREE_RUNNING)
        buffer_printf(ret, ": it was last heard of %" PRIu64 " ms ago", reader_silent_ms(process->reader));
    buffer_add_string(ret, "\n");
}

int tree_dump(struct tree *tree, uint32_t pid, struct buffer *ret) {
    struct picked picked;
    int error = tree_pick(tree, pid, SINCE_NOW, &picked);
    if (error)
        return error;
    int late = 0;
    for (size_t i = 0; i < picked.n && !ret->error; i++) {
        if (i)
            buffer_add_string(ret, "\n");
        if (!tree->single)
            dump_head(picked.list[i], ret);
        error = reader_dump(picked.list[i]->reader, ret);
        late = error ? error : late;
    }
    tree_drop(tree, &picked);
    return ret->error ? ret->error : late;
}

int tree_crash(struct tree *tree, uint32_t pid, struct buffer *ret) {
    struct picked picked;
    int error = tree_pick(tree, pid, SINCE_NOW, &picked);
    if (error)
        return error;
    for (size_t i = 0; i < picked.n && !error; i++)
        error = reader_crash(picked.list[i]->reader, ret);
    tree_drop(tree, &picked);
    return error;
}

int tree_symbol(struct tree *tree, uint32_t pid, uint64_t address, struct buffer *ret) {
    struct picked picked;
    int error = tree_pick(tree, pid, SINCE_NOW, &picked);
    if (error)
        return error;
    size_t before = ret->size;
    for (size_t i = 0; i < picked.n && !error && ret->size == before; i++)
        error = reader_symbol(picked.list[i]->reader, address, ret);
    tree_drop(tree, &picked);
    return error;
}

int tree_cmdline(struct tree *tree, uint32_t pid, struct buffer *ret) {
    struct picked picked;
    int error = tree_pick(tree, pid, SINCE_NOW, &picked);
    if (error)
        return error;
    error = picked.n ? reader_cmdline(picked.list[0]->reader, ret) : -ESRCH;
    tree_drop(tree, &picked);
    return error;
}

static void add_figures(struct reader_figures *sum, const struct reader_figures *one) {
    sum->threads += one->threads;
    sum->cpu_users += one->cpu_users;
    sum->trace_users += one->trace_users;
    sum->trace_bytes += one->trace_bytes;
    sum->trace_bytes_max += one->trace_bytes_max;
    if (one->trace_length_ns > sum->trace_length_ns)
        sum->trace_length_ns = one->trace_length_ns;
    sum->samples += one->samples;
    sum->lost_samples += one->lost_samples;
    sum->truncated_stacks += one->truncated_stacks;
    sum->handler_ns += one->handler_ns;
    sum->hook_samples += one->hook_samples;
    sum->hook_ns += one->hook_ns;
    sum->segment_bytes_used += one->segment_bytes_used;
    for (size_t i = 0; i < sizeof(sum->profile_counts) / sizeof(sum->profile_counts[0]); i++)
        sum->profile_counts[i] += one->profile_counts[i];
}

int tree_figures(struct tree *tree, uint32_t pid, struct reader_figures *ret) {
    struct picked picked;
    int error = tree_pick(tree, pid, SINCE_NOW, &picked);
    if (error)
        return error;
    struct reader_figures sum = {0};
    for (size_t i = 0; i < picked.n; i++) {
        struct reader_figures one;
        reader_figures(picked.list[i]->reader, &one);
        if (i)
            add_figures(&sum, &one);
        else
            sum = one;
    }
    tree_drop(tree, &picked);
    *ret = sum;
    return 0;
}
