/* What went wrong: counted by class, with the first and the last example of each, and logged one by one up to a limit. */
#ifndef PIKO_LOAD_FAILURES_H
#define PIKO_LOAD_FAILURES_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

#include "load/load.h"

/* Of all loops: the first LOAD_ERRORS_MAX failures since it was last emptied. */
struct failure_log {
    pthread_mutex_t lock; /* guards errors */
    atomic_size_t n;      /* also read without the lock: a full log costs a load */
    struct load_error *errors;
};

void failure_log_init(struct failure_log *log);
void failure_log_done(struct failure_log *log);
/* Take what is in it; the array is the caller's. Threads: any. */
size_t failure_log_take(struct failure_log *log, struct load_error **ret);

/* One failure, which `error` describes but for its time: to the counts and the examples of `stats`, and to the log.
 * now_ns: CLOCK_MONOTONIC. Threads: the one that owns `stats`. */
void failures_count(struct load_stats *stats, struct failure_log *log, struct load_error *error, uint64_t now_ns);

/* Add counts of `other`, and its examples where they are earlier or later. */
void failures_add(struct load_stats *sum, const struct load_stats *other);
/* Forget the examples, keep the counts. */
void failures_forget_examples(struct load_stats *stats);

#endif
