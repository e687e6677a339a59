/* Captures that last, over several processes. One that came in between counts from its beginning; one that went counts to
 * its end, since its segment is held. */
#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "reader/tree_internal.h"

static size_t find(const struct picked *picked, const struct process *process) {
    size_t i = 0;
    while (i < picked->n && picked->list[i] != process)
        i++;
    return i;
}

/* `later` gets the processes that came since the capture began; none when one pid is asked for. */
static int pick_later(struct tree *tree, uint32_t pid, const struct picked *held, uint64_t since_ns,
                      struct picked *later) {
    *later = (struct picked){0};
    if (pid || tree->single)
        return 0;
    int error = tree_pick(tree, /* pid= */ 0, since_ns, later);
    if (error)
        return error;
    size_t kept = 0;
    struct picked known = {.list = calloc(later->n + 1, sizeof(struct process *))};
    if (!known.list) {
        tree_drop(tree, later);
        return -ENOMEM;
    }
    for (size_t i = 0; i < later->n; i++) {
        struct process *process = later->list[i];
        bool is_later = process->began_ns >= since_ns && find(held, process) == held->n;
        if (is_later)
            later->list[kept++] = process;
        else
            known.list[known.n++] = process;
    }
    later->n = kept;
    tree_drop(tree, &known);
    return 0;
}

/* The clock of the whole, where merging adds up the durations of the parts. */
static void set_times(struct profile *profile, uint64_t begin_ns, int64_t time_nanos) {
    profile->time_nanos = time_nanos;
    profile->duration_nanos = (int64_t)(clock_monotonic_ns() - begin_ns);
}

/* ---- Counters and threads --------------------------------------------------------------------------------------------*/

struct tree_delta {
    struct tree *tree;
    uint32_t pid;
    enum reader_kind kind;
    uint64_t begin_ns;
    struct picked picked;
    struct reader_delta **parts;
};

static void delta_free(struct tree_delta *delta) {
    for (size_t i = 0; i < delta->picked.n && delta->parts; i++)
        if (delta->parts[i])
            reader_delta_end(delta->parts[i], NULL);
    tree_drop(delta->tree, &delta->picked);
    free(delta->parts);
    free(delta);
}

int tree_delta_begin(struct tree *tree, uint32_t pid, enum reader_kind kind, struct tree_delta **ret) {
    struct tree_delta *delta = calloc(1, sizeof(*delta));
    if (!delta)
        return -ENOMEM;
    *delta = (struct tree_delta){.tree = tree, .pid = pid, .kind = kind, .begin_ns = clock_monotonic_ns()};
    int error = tree_pick(tree, pid, /* since_ns= */ UINT64_MAX, &delta->picked);
    if (error) {
        free(delta);
        return error;
    }
    delta->parts = calloc(delta->picked.n + 1, sizeof(struct reader_delta *));
    if (!delta->parts) {
        delta_free(delta);
        return -ENOMEM;
    }
    for (size_t i = 0; i < delta->picked.n; i++)
        error = reader_delta_begin(delta->picked.list[i]->reader, kind, &delta->parts[i]);
    *ret = delta;
    return tree->single ? error : 0;
}

static int delta_profile(struct tree_delta *delta, struct profile **ret) {
    struct picked later;
    int error = pick_later(delta->tree, delta->pid, &delta->picked, delta->begin_ns, &later), late = 0;
    if (error)
        return error;
    size_t n = delta->picked.n;
    _cleanup_free_ struct profile **profiles = calloc(n + later.n + 1, sizeof(struct profile *));
    for (size_t i = 0; i < n; i++) {
        if (!delta->parts[i])
            continue;
        error = reader_delta_end(delta->parts[i], profiles ? &profiles[i] : NULL);
        delta->parts[i] = NULL;
        late = error ? error : late;
    }
    for (size_t i = 0; i < later.n && profiles; i++) {
        error = reader_profile(later.list[i]->reader, delta->kind, &profiles[n + i]);
        late = error ? error : late;
    }
    error = profiles ? tree_merge(profiles, n + later.n, late ? late : -ESRCH, ret) : -ENOMEM;
    tree_drop(delta->tree, &later);
    if (!error && !delta->tree->single)
        set_times(*ret, delta->begin_ns, (int64_t)clock_realtime_ns());
    return error ? error : late;
}

int tree_delta_end(struct tree_delta *delta, struct profile **ret) {
    int error = ret ? delta_profile(delta, ret) : 0;
    delta_free(delta);
    return error;
}

/* ---- CPU ------------------------------------------------------------------------------------------------------------ */

struct tree_cpu {
    struct tree *tree;
    uint32_t pid;
    struct rate rate;
    uint64_t begin_ns, begin_realtime_ns;
    struct picked picked;
    struct reader_cpu **parts;
};

/* From here to end_following() the tree makes newcomers join the sampler. */
static void begin_following(struct tree *tree, struct rate *rate, unsigned hz) {
    pthread_mutex_lock(&tree->lock);
    rates_enter(&tree->cpu_rates, rate, hz);
    pthread_mutex_unlock(&tree->lock);
}

static void end_following(struct tree *tree, struct rate *rate) {
    pthread_mutex_lock(&tree->lock);
    rates_leave(&tree->cpu_rates, rate);
    bool is_last = rates_fastest(&tree->cpu_rates) == 0;
    for (struct process *process = tree->processes; process && is_last; process = process->next) {
        if (process->followed)
            reader_cpu_unfollow(process->reader);
        process->followed = false;
    }
    pthread_mutex_unlock(&tree->lock);
}

static void cpu_free(struct tree_cpu *capture) {
    for (size_t i = 0; i < capture->picked.n && capture->parts; i++)
        if (capture->parts[i])
            reader_cpu_end(capture->parts[i], NULL);
    end_following(capture->tree, &capture->rate);
    tree_drop(capture->tree, &capture->picked);
    free(capture->parts);
    free(capture);
}

int tree_cpu_begin(struct tree *tree, uint32_t pid, unsigned hz, struct tree_cpu **ret) {
    struct tree_cpu *capture = calloc(1, sizeof(*capture));
    if (!capture)
        return -ENOMEM;
    *capture = (struct tree_cpu){
        .tree = tree, .pid = pid, .begin_ns = clock_monotonic_ns(), .begin_realtime_ns = clock_realtime_ns()};
    begin_following(tree, &capture->rate, hz);
    int error = tree_pick(tree, pid, /* since_ns= */ UINT64_MAX, &capture->picked);
    if (!error) {
        capture->parts = calloc(capture->picked.n + 1, sizeof(struct reader_cpu *));
        error = capture->parts ? 0 : -ENOMEM;
    }
    size_t began = 0;
    int failed = -ESRCH;
    for (size_t i = 0; i < capture->picked.n && !error; i++) {
        int one = reader_cpu_begin(capture->picked.list[i]->reader, hz, &capture->parts[i]);
        began += one == 0;
        failed = one ? one : failed;
    }
    /* A stopped process among others is left out. */
    if (error || !began) {
        cpu_free(capture);
        return error ? error : failed;
    }
    *ret = capture;
    return 0;
}

static int cpu_profile(struct tree_cpu *capture, struct profile **ret) {
    struct picked later;
    int error = pick_later(capture->tree, capture->pid, &capture->picked, capture->begin_ns, &later), failed = -ESRCH;
    if (error)
        return error;
    size_t n = capture->picked.n;
    _cleanup_free_ struct profile **profiles = calloc(n + later.n + 1, sizeof(struct profile *));
    for (size_t i = 0; i < n; i++) {
        if (!capture->parts[i])
            continue;
        error = reader_cpu_end(capture->parts[i], profiles ? &profiles[i] : NULL);
        capture->parts[i] = NULL;
        failed = error ? error : failed;
    }
    for (size_t i = 0; i < later.n && profiles; i++) {
        error = reader_cpu_so_far(later.list[i]->reader, &profiles[n + i]);
        failed = error ? error : failed;
    }
    error = profiles ? tree_merge(profiles, n + later.n, failed, ret) : -ENOMEM;
    tree_drop(capture->tree, &later);
    if (!error && !capture->tree->single)
        set_times(*ret, capture->begin_ns, (int64_t)capture->begin_realtime_ns);
    return error;
}

int tree_cpu_end(struct tree_cpu *capture, struct profile **ret) {
    int error = ret ? cpu_profile(capture, ret) : 0;
    cpu_free(capture);
    return error;
}

int tree_cpu_so_far(struct tree *tree, uint32_t pid, struct profile **ret) {
    struct picked picked;
    int error = tree_pick(tree, pid, /* since_ns= */ UINT64_MAX, &picked);
    if (error)
        return error;
    error = picked.n ? reader_cpu_so_far(picked.list[0]->reader, ret) : -ESRCH;
    tree_drop(tree, &picked);
    return error;
}
