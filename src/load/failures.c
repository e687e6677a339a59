#include "load/failures.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

const char *load_failure_name(enum load_failure failure) {
    static const char *const names[LOAD_FAILURES] = {
        [LOAD_REFUSED] = "refused",   [LOAD_RESET] = "reset",   [LOAD_TIMEOUT] = "timeout",   [LOAD_TLS] = "tls",
        [LOAD_PROTOCOL] = "protocol", [LOAD_STATUS] = "status", [LOAD_REDIRECT] = "redirect",
    };
    return failure < LOAD_FAILURES ? names[failure] : "unknown";
}

void failure_log_init(struct failure_log *log) {
    *log = (struct failure_log){0};
    pthread_mutex_init(&log->lock, NULL);
}

void failure_log_done(struct failure_log *log) {
    free(log->errors);
    pthread_mutex_destroy(&log->lock);
}

/* The room for all of it at once: a run that fails does so often, and what is not touched costs nothing. */
static void add_to_log(struct failure_log *log, const struct load_error *error) {
    if (atomic_load_explicit(&log->n, memory_order_relaxed) == LOAD_ERRORS_MAX)
        return;
    pthread_mutex_lock(&log->lock);
    if (!log->errors)
        log->errors = malloc(LOAD_ERRORS_MAX * sizeof *log->errors);
    if (log->errors && log->n < LOAD_ERRORS_MAX)
        log->errors[log->n++] = *error;
    pthread_mutex_unlock(&log->lock);
}

size_t failure_log_take(struct failure_log *log, struct load_error **ret) {
    pthread_mutex_lock(&log->lock);
    size_t n = log->n;
    *ret = log->errors;
    log->errors = NULL;
    log->n = 0;
    pthread_mutex_unlock(&log->lock);
    return n;
}

void failures_count(struct load_stats *stats, struct failure_log *log, struct load_error *error, uint64_t now_ns) {
    struct load_example *example = &stats->examples[error->failure];
    stats->failures[error->failure]++;
    memcpy(example->last, error->text, sizeof example->last);
    example->last_ns = now_ns;
    if (!example->first_ns) {
        memcpy(example->first, error->text, sizeof example->first);
        example->first_ns = now_ns;
    }
    error->time_ns = clock_realtime_ns();
    add_to_log(log, error);
}

static void add_example(struct load_example *sum, const struct load_example *other) {
    if (!other->first_ns)
        return;
    if (!sum->first_ns || other->first_ns < sum->first_ns) {
        sum->first_ns = other->first_ns;
        memcpy(sum->first, other->first, sizeof sum->first);
    }
    if (other->last_ns > sum->last_ns) {
        sum->last_ns = other->last_ns;
        memcpy(sum->last, other->last, sizeof sum->last);
    }
}

void failures_add(struct load_stats *sum, const struct load_stats *other) {
    for (int i = 0; i < LOAD_FAILURES; i++) {
        sum->failures[i] += other->failures[i];
        add_example(&sum->examples[i], &other->examples[i]);
    }
}

void failures_forget_examples(struct load_stats *stats) {
    memset(stats->examples, 0, sizeof stats->examples);
}

uint64_t load_stats_failures(const struct load_stats *stats) {
    uint64_t sum = 0;
    for (int i = 0; i < LOAD_FAILURES; i++)
        sum += stats->failures[i];
    return sum;
}

const char *load_stats_first_failure(const struct load_stats *stats) {
    const struct load_example *first = &stats->examples[0];
    for (int i = 1; i < LOAD_FAILURES; i++)
        if (stats->examples[i].first_ns && (!first->first_ns || stats->examples[i].first_ns < first->first_ns))
            first = &stats->examples[i];
    return first->first;
}
