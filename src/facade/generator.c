/* Profiling of a program that ends by itself: all of it, from start to stop or to the program's end, in files.
 *
 * A thread of ours writes them. Whoever stops, or ends the program, asks it and waits: that may be in a signal handler, or
 * anywhere in exit(). */
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "facade/session.h"
#include "probe/control/control.h"
#include "probe/control/crash.h"
#include "reader/builds.h"
#include "reader/profile_set.h"
#include "reader/tree.h"

#define DEFAULT_OUTPUT_FOLDER "profiles"
#define DEFAULT_BLOCK_RATE_NS 1
#define DEFAULT_MUTEX_FRACTION 1
#define DEFAULT_MEM_PROFILE_RATE_BYTES 4096
#define CPU_RATE_HZ 1000
#define TRACE_BYTES ((uint64_t)64 << 20)
#define TRACE_MIN_AGE_NS (24 * 3600 * NS_PER_S) /* all that there is room for */
/* The end of the program waits so long for the files. They take a fraction of a second, and never come when the thread
 * that ends the program, or was interrupted for it, holds what the writer needs. */
#define END_WAIT_NS (10 * NS_PER_S)

struct piko_generator_profiling {
    struct session session; /* first: one is cast to the other */
    struct tree *tree;
    char *folder; /* absolute: the program may go elsewhere */
    pthread_t writer;
    int error; /* of the last writing */
};

/* What the writer is asked for; not in the handle, which a stop may free while another thread ends the program. Futexes, A.
 * `wanted` counts by two, and is odd once the writer is to end; `done` reaches it when the files are there. */
static uint32_t wanted, done;

/* ---- The writer ----------------------------------------------------------------------------------------------------- */

static void futex_wait(uint32_t *word, uint32_t value, uint64_t ns) {
    struct timespec rest = {.tv_sec = (time_t)(ns / NS_PER_S), .tv_nsec = (long)(ns % NS_PER_S)};
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, ns == UINT64_MAX ? NULL : &rest, NULL, 0L);
}

static void futex_wake(uint32_t *word) {
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0L);
}

static int write_files(const struct piko_generator_profiling *generator) {
    struct profile_set set = PROFILE_SET_EMPTY;
    struct logger logger = generator->session.logger;
    const char *file = "";
    int error = profile_set_take(generator->tree, /* pid= */ 0, /* with_cpu= */ true, &set);
    int written = profile_set_write(&set, generator->folder, &file);
    profile_set_done(&set);
    error = written ? written : error;
    if (error)
        logger_say(logger, PIKO_LOG_ERROR, "profiles could not be written to %s%s%s: %s", generator->folder,
                   *file ? "/" : "", file, strerror(-error));
    else
        logger_say(logger, PIKO_LOG_INFO, "profiles are in %s", generator->folder);
    return error;
}

static void *writer_main(void *data) {
    struct piko_generator_profiling *generator = data;
    uint32_t served = __atomic_load_n(&done, __ATOMIC_ACQUIRE), asked;
    do {
        while ((asked = __atomic_load_n(&wanted, __ATOMIC_ACQUIRE)) == served)
            futex_wait(&wanted, served, UINT64_MAX);
        generator->error = write_files(generator);
        /* The last time serves those as well that came meanwhile. */
        served = asked & 1 ? __atomic_load_n(&wanted, __ATOMIC_ACQUIRE) : asked;
        __atomic_store_n(&done, served, __ATOMIC_RELEASE);
        futex_wake(&done);
    } while (!(asked & 1));
    return NULL;
}

enum { ASK = 2, ASK_AND_STOP = 3 };

/* By a thread of the program's, which the dump shows where it waits. In any context. */
static void ask_for_files(uint32_t ask, uint64_t wait_ns) {
    uint64_t start_ns = clock_monotonic_ns(), spent_ns = 0;
    uint32_t mine = __atomic_add_fetch(&wanted, ask, __ATOMIC_ACQ_REL), so_far;
    futex_wake(&wanted);
    while ((int32_t)((so_far = __atomic_load_n(&done, __ATOMIC_ACQUIRE)) - mine) < 0 && spent_ns < wait_ns) {
        futex_wait(&done, so_far, wait_ns == UINT64_MAX ? wait_ns : wait_ns - spent_ns);
        spent_ns = clock_monotonic_ns() - start_ns;
    }
}

static void save_at_end(void) {
    ask_for_files(ASK, END_WAIT_NS);
}

/* ---- Start and stop --------------------------------------------------------------------------------------------------*/

static int64_t or_default(int64_t value, int64_t fallback) {
    return value ? value : fallback;
}

static struct piko_generator_profiling_options with_defaults(const struct piko_generator_profiling_options *given) {
    struct piko_generator_profiling_options options = given ? *given : (struct piko_generator_profiling_options){0};
    options.output_dir = options.output_dir ? options.output_dir : DEFAULT_OUTPUT_FOLDER;
    options.block_rate_ns = or_default(options.block_rate_ns, DEFAULT_BLOCK_RATE_NS);
    options.mutex_fraction = or_default(options.mutex_fraction, DEFAULT_MUTEX_FRACTION);
    options.mem_profile_rate_bytes = or_default(options.mem_profile_rate_bytes, DEFAULT_MEM_PROFILE_RATE_BYTES);
    return options;
}

static int check(struct logger logger, const struct piko_generator_profiling_options *options) {
    const struct option_range ranges[] = {
        {"block_rate_ns", options->block_rate_ns, PIKO_OFF, INT64_MAX},
        {"mutex_fraction", options->mutex_fraction, PIKO_OFF, INT32_MAX},
        {"mem_profile_rate_bytes", options->mem_profile_rate_bytes, PIKO_OFF, INT64_MAX},
    };
    return session_check(logger, ranges, sizeof ranges / sizeof *ranges);
}

/* Said now, while somebody can still do something about it. */
static int choose_folder(struct piko_generator_profiling *generator, const char *folder) {
    int error = profile_set_try(folder);
    if (!error && !(generator->folder = realpath(folder, NULL)))
        error = -errno;
    if (error)
        logger_say(generator->session.logger, PIKO_LOG_ERROR, "profiling not started: nothing can be written to %s: %s",
                   folder, strerror(-error));
    else
        snprintf(generator->session.where, sizeof generator->session.where, "for files in %.230s", generator->folder);
    return error;
}

static int start_writer(struct piko_generator_profiling *generator) {
    int error = tree_new_single(generator->session.reader, &generator->tree);
    if (error)
        return error;
    __atomic_store_n(&wanted, wanted & ~1u, __ATOMIC_RELEASE);
    __atomic_store_n(&done, wanted, __ATOMIC_RELEASE);
    error = -pthread_create(&generator->writer, NULL, writer_main, generator);
    if (error)
        tree_free(generator->tree);
    return error;
}

static int start(struct piko_generator_profiling *generator, const struct piko_generator_profiling_options *options) {
    struct session *session = &generator->session;
    struct control_rates rates = {.mem_profile_rate_bytes = session_rate(options->mem_profile_rate_bytes),
                                  .block_rate_ns = session_rate(options->block_rate_ns),
                                  .mutex_fraction = (uint32_t)session_rate(options->mutex_fraction),
                                  .trace_min_age_ns = TRACE_MIN_AGE_NS,
                                  .trace_bytes_max = TRACE_BYTES,
                                  .cpu_hz = CPU_RATE_HZ};
    struct own_section section = session_enter_own_section();
    int error = session_start_probe(session, &rates);
    if (!error && (error = start_writer(generator)))
        session_stop_probe(session);
    if (!error)
        builds_look(session->builds, (uint32_t)getpid(), /* program= */ "");
    session_leave_own_section(section);
    if (error)
        return error;
    control_let_signal_in();
    crash_init_for_all_ends();
    control_save_at_end(save_at_end);
    return 0;
}

static void generator_free(struct piko_generator_profiling *generator) {
    if (generator)
        free(generator->folder);
    free(generator);
}

int piko_generator_profiling_start(const struct piko_generator_profiling_options *given,
                                   struct piko_generator_profiling **ret) {
    struct piko_generator_profiling_options options = with_defaults(given);
    struct logger logger = logger_of(options.log, options.log_data);
    int error = check(logger, &options);
    if (error)
        return error;
    session_begin_turn();
    struct session *running = session_running();
    struct piko_generator_profiling *generator = NULL;
    error = session_want_none_running(logger);
    if (!error && !(generator = calloc(1, sizeof *generator)))
        error = -ENOMEM;
    if (!error) {
        generator->session.logger = logger;
        error = choose_folder(generator, options.output_dir);
    }
    if (!error)
        error = start(generator, &options);
    if (error) {
        generator_free(generator);
    } else {
        running = &generator->session;
        *ret = generator;
    }
    session_end_turn(running);
    return error;
}

int piko_generator_profiling_stop(struct piko_generator_profiling *generator) {
    if (!generator)
        return 0;
    session_begin_turn();
    struct session *running = session_running();
    if (running != &generator->session) { /* the parent's, in a fork child */
        session_end_turn(running);
        return 0;
    }
    ask_for_files(ASK_AND_STOP, UINT64_MAX);
    struct own_section section = session_enter_own_section();
    pthread_join(generator->writer, NULL);
    control_save_at_end(NULL);
    int error = generator->error;
    tree_free(generator->tree);
    session_stop_probe(&generator->session);
    session_leave_own_section(section);
    session_end_turn(NULL);
    generator_free(generator);
    return error;
}
