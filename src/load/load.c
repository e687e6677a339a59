#include "load/load.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "load/failures.h"
#include "load/loop.h"
#include "load/plan.h"
#include "load/stats.h"

/* One loop is enough for 100 000 requests a second or so, and what is loaded often shares the machine. */
#define CORES_PER_THREAD 4
#define CONNECTIONS_PER_THREAD_LEAST 32

#define DESCRIPTORS_BESIDE 64u /* for all that is not a connection */

struct load {
    struct plan plan;
    struct failure_log log;
    uint64_t begun_ns;
    pthread_mutex_t lock; /* held while the loops carry out an order: one at a time */
    size_t n_loops;
    struct loop *loops[];
};

static unsigned choose_threads(const struct load_options *options) {
    unsigned threads = options->threads;
    if (!threads) {
        long cores = sysconf(_SC_NPROCESSORS_ONLN);
        threads = cores > CORES_PER_THREAD ? (unsigned)(cores / CORES_PER_THREAD) : 1;
        if (threads > options->concurrency / CONNECTIONS_PER_THREAD_LEAST)
            threads = options->concurrency / CONNECTIONS_PER_THREAD_LEAST;
    }
    if (threads > options->concurrency)
        threads = options->concurrency;
    return threads ? threads : 1;
}

/* A socket a connection: raise the soft limit when it is in the way, say so when the hard one is. */
static int check_descriptors(unsigned concurrency, char *why, size_t why_size) {
    struct rlimit limit;
    rlim_t needed = (rlim_t)concurrency + DESCRIPTORS_BESIDE;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= needed)
        return 0;
    if (limit.rlim_max >= needed) {
        limit.rlim_cur = needed;
        if (setrlimit(RLIMIT_NOFILE, &limit) == 0)
            return 0;
    }
    snprintf(why, why_size, "--concurrency %u needs %llu open files, the limit is %llu (ulimit -n)", concurrency,
             (unsigned long long)needed, (unsigned long long)limit.rlim_max);
    return -EMFILE;
}

static int make_loops(const struct load_options *options, unsigned threads, struct load *load) {
    for (unsigned i = 0; i < threads; i++) {
        struct loop_options loop = {
            .plan = &load->plan,
            .log = &load->log,
            .connections = options->concurrency / threads + (i < options->concurrency % threads),
            .interval_ns = options->rate ? (double)NS_PER_S * threads / options->rate : 0,
            .number = i,
            .n_loops = threads,
        };
        int error = loop_new(&loop, &load->loops[i]);
        if (error)
            return error;
        load->n_loops++;
    }
    return 0;
}

int load_new(const struct load_options *options, struct load **ret, char *why, size_t why_size) {
    if (!options->concurrency) {
        snprintf(why, why_size, "--concurrency must be at least 1");
        return -EINVAL;
    }
    unsigned threads = choose_threads(options);
    struct load *load = calloc(1, sizeof *load + threads * sizeof(struct loop *));
    if (!load) {
        snprintf(why, why_size, "out of memory");
        return -ENOMEM;
    }
    pthread_mutex_init(&load->lock, NULL);
    failure_log_init(&load->log);
    load->begun_ns = clock_monotonic_ns();
    int error = check_descriptors(options->concurrency, why, why_size);
    if (!error)
        error = plan_make(options, &load->plan, why, why_size);
    if (!error) {
        error = make_loops(options, threads, load);
        if (error)
            snprintf(why, why_size, "load generator: %s", strerror(-error));
    }
    if (error) {
        load_free(load);
        return error;
    }
    *ret = load;
    return 0;
}

void load_free(struct load *load) {
    if (!load)
        return;
    for (size_t i = 0; i < load->n_loops; i++)
        loop_free(load->loops[i]);
    plan_done(&load->plan);
    failure_log_done(&load->log);
    pthread_mutex_destroy(&load->lock);
    free(load);
}

/* All loops at once; returns when the last has done it. */
static void order_all(struct load *load, enum loop_order order) {
    for (size_t i = 0; i < load->n_loops; i++)
        loop_order(load->loops[i], order);
    for (size_t i = 0; i < load->n_loops; i++)
        loop_wait(load->loops[i]);
}

int load_resume(struct load *load) {
    int error = 0;
    pthread_mutex_lock(&load->lock);
    for (size_t i = 0; i < load->n_loops && !error; i++)
        error = loop_start(load->loops[i]);
    if (!error)
        order_all(load, LOOP_RESUME);
    pthread_mutex_unlock(&load->lock);
    return error;
}

void load_pause(struct load *load) {
    pthread_mutex_lock(&load->lock);
    order_all(load, LOOP_PAUSE);
    pthread_mutex_unlock(&load->lock);
}

void load_snapshot(struct load *load, struct load_stats *stats) {
    stats_reset(stats);
    pthread_mutex_lock(&load->lock);
    order_all(load, LOOP_COPY_FIGURES);
    stats->elapsed_ns = clock_monotonic_ns() - load->begun_ns;
    for (size_t i = 0; i < load->n_loops; i++) {
        loop_add_figures(load->loops[i], stats);
        loop_add_effort(load->loops[i], stats);
    }
    pthread_mutex_unlock(&load->lock);
}

size_t load_take_errors(struct load *load, struct load_error **ret) {
    return failure_log_take(&load->log, ret);
}

unsigned load_threads(const struct load *load) {
    return (unsigned)load->n_loops;
}
