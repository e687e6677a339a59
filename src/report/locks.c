#include "report/locks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

/* What one sample says of one lock. */
struct wait {
    const char *lock;
    int64_t held_ns, waited_ns;
};

static const char *lock_of(const struct profile_sample *sample) {
    for (uint32_t i = 0; i < sample->n_labels; i++)
        if (sample->labels[i].string && strcmp(sample->labels[i].key, "lock") == 0)
            return sample->labels[i].string;
    return NULL;
}

static uint32_t delay_of(const struct profile *profile) {
    return profile ? profile_find_sample_type(profile, "delay") : PROFILE_NONE;
}

static size_t collect(const struct profile *profile, bool is_mutex, struct wait *ret) {
    uint32_t delay = delay_of(profile);
    size_t n = 0;
    for (size_t i = 0; delay != PROFILE_NONE && i < profile->n_samples; i++) {
        const char *lock = lock_of(&profile->samples[i]);
        int64_t ns = profile->samples[i].values[delay];
        if (lock && ns > 0)
            ret[n++] = (struct wait){.lock = lock, .held_ns = is_mutex ? ns : 0, .waited_ns = is_mutex ? 0 : ns};
    }
    return n;
}

static int compare_names(const void *left, const void *right) {
    return strcmp(((const struct wait *)left)->lock, ((const struct wait *)right)->lock);
}

static int64_t weight_of(const struct wait *wait) {
    return wait->held_ns > 0 ? wait->held_ns : wait->waited_ns;
}

static int compare_weights(const void *left, const void *right) {
    int64_t a = weight_of(left), b = weight_of(right);
    return a != b ? (a < b ? 1 : -1) : compare_names(left, right);
}

static int64_t add(int64_t a, int64_t b) {
    return (int64_t)((uint64_t)a + (uint64_t)b);
}

/* One for each lock, the heaviest first. */
static size_t sum_up(struct wait *waits, size_t n) {
    size_t n_locks = 0;
    qsort(waits, n, sizeof(*waits), compare_names);
    for (size_t i = 0; i < n; i++) {
        struct wait *last = n_locks > 0 ? &waits[n_locks - 1] : NULL;
        if (!last || strcmp(last->lock, waits[i].lock) != 0) {
            waits[n_locks++] = waits[i];
            continue;
        }
        last->held_ns = add(last->held_ns, waits[i].held_ns);
        last->waited_ns = add(last->waited_ns, waits[i].waited_ns);
    }
    qsort(waits, n_locks, sizeof(*waits), compare_weights);
    return n_locks;
}

/* Sites of the samples of that lock alone. */
static int build_side(const struct profile *profile, const char *lock, const struct filter *filter, struct sites *ret) {
    uint32_t delay = delay_of(profile);
    if (delay == PROFILE_NONE)
        return 0;
    _cleanup_free_ struct profile_sample *samples = calloc(profile->n_samples + 1, sizeof(*samples));
    struct profile own = *profile;
    if (!samples)
        return -ENOMEM;
    own.samples = samples;
    own.n_samples = 0;
    for (size_t i = 0; i < profile->n_samples; i++) {
        const char *name = lock_of(&profile->samples[i]);
        if (name && strcmp(name, lock) == 0)
            samples[own.n_samples++] = profile->samples[i];
    }
    return sites_build(&own, delay, profile_find_sample_type(profile, "contentions"), filter, ret);
}

int locks_build(const struct profile *mutex, const struct profile *block, const struct filter *filter,
                struct locks *ret) {
    struct locks locks = {0};
    size_t space = (mutex ? mutex->n_samples : 0) + (block ? block->n_samples : 0) + 1;
    _cleanup_free_ struct wait *waits = calloc(space, sizeof(*waits));
    if (!waits)
        return -ENOMEM;
    size_t n = collect(mutex, true, waits);
    n += collect(block, false, waits + n);
    n = sum_up(waits, n);
    int error = 0;
    for (size_t i = 0; i < n && i < LOCKS_MAX && !error; i++) {
        struct lock *lock = &locks.items[locks.n++];
        lock->name = waits[i].lock;
        lock->wait_ns = weight_of(&waits[i]);
        error = build_side(mutex, lock->name, filter, &lock->holders);
        if (!error)
            error = build_side(block, lock->name, filter, &lock->waiters);
    }
    locks.n_left_out = n - locks.n;
    if (error)
        locks_done(&locks);
    else
        *ret = locks;
    return error;
}

void locks_done(struct locks *locks) {
    for (size_t i = 0; i < locks->n; i++) {
        sites_done(&locks->items[i].holders);
        sites_done(&locks->items[i].waiters);
    }
    *locks = (struct locks){0};
}
