#include "piko/piko.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "probe/control/control.h"
#include "reader/builds.h"
#include "reader/reader.h"
#include "segment/segment.h"
#include "serve/serve.h"

#define DEFAULT_PORT 6060
#define DEFAULT_BIND_ADDRESS "localhost"
#define DEFAULT_BLOCK_RATE_NS 1000
#define DEFAULT_MUTEX_FRACTION 10
#define DEFAULT_MEM_PROFILE_RATE_BYTES (512 << 10)
#define DEFAULT_CPU_RATE_HZ 100
#define CPU_RATE_HZ_MAX 1000
#define DEFAULT_ROLLING_TRACE_MIN_AGE_NS (15 * (int64_t)NS_PER_S)
#define DEFAULT_ROLLING_TRACE_MAX_BYTES (16 << 20)

struct piko_profiling {
    struct piko_profiling_options options; /* with the defaults filled in; its strings are not kept */
    struct builds *builds;
    struct reader *reader;
    struct serve *serve;
};

/* One profiling a process: start and stop take turns. */
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static struct piko_profiling *running;

static void log_to_stderr(void *data, enum piko_log_level level, const char *message) {
    (void)data;
    static const char *const words[] = {"", "warning: ", "error: "};
    fprintf(stderr, "piko: %s%s\n", words[level], message);
}

__attribute__((format(printf, 3, 4))) static void log_line(const struct piko_profiling_options *options,
                                                           enum piko_log_level level, const char *format, ...) {
    char message[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    options->log(options->log_data, level, message);
}

static void log_from_serve(void *data, enum serve_log_level level, const char *message) {
    const struct piko_profiling *profiling = data;
    profiling->options.log(profiling->options.log_data, (enum piko_log_level)level, message);
}

static int64_t or_default(int64_t value, int64_t fallback) {
    return value ? value : fallback;
}

static struct piko_profiling_options with_defaults(const struct piko_profiling_options *given) {
    struct piko_profiling_options options = given ? *given : (struct piko_profiling_options){0};
    options.port = (int)or_default(options.port, DEFAULT_PORT);
    options.bind_address = options.bind_address ? options.bind_address : DEFAULT_BIND_ADDRESS;
    options.block_rate_ns = or_default(options.block_rate_ns, DEFAULT_BLOCK_RATE_NS);
    options.mutex_fraction = or_default(options.mutex_fraction, DEFAULT_MUTEX_FRACTION);
    options.mem_profile_rate_bytes = or_default(options.mem_profile_rate_bytes, DEFAULT_MEM_PROFILE_RATE_BYTES);
    options.cpu_rate_hz = (int)or_default(options.cpu_rate_hz, DEFAULT_CPU_RATE_HZ);
    options.rolling_trace_min_age_ns = or_default(options.rolling_trace_min_age_ns, DEFAULT_ROLLING_TRACE_MIN_AGE_NS);
    options.rolling_trace_max_bytes = or_default(options.rolling_trace_max_bytes, DEFAULT_ROLLING_TRACE_MAX_BYTES);
    options.log = options.log ? options.log : log_to_stderr;
    return options;
}

/* -EINVAL, said to the log, for the first option that is out of range. */
static int check(const struct piko_profiling_options *options) {
    const struct {
        const char *name;
        int64_t value, least, most;
    } ranges[] = {
        {"port", options->port, PIKO_ANY_PORT, 65535},
        {"block_rate_ns", options->block_rate_ns, PIKO_OFF, INT64_MAX},
        {"mutex_fraction", options->mutex_fraction, PIKO_OFF, INT32_MAX},
        {"mem_profile_rate_bytes", options->mem_profile_rate_bytes, PIKO_OFF, INT64_MAX},
        {"cpu_rate_hz", options->cpu_rate_hz, 1, CPU_RATE_HZ_MAX},
        {"rolling_trace_min_age_ns", options->rolling_trace_min_age_ns, 1, INT64_MAX},
        {"rolling_trace_max_bytes", options->rolling_trace_max_bytes, SEGMENT_TRACE_BYTES_MIN, SEGMENT_TRACE_BYTES_MAX},
    };
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        if (ranges[i].value >= ranges[i].least && ranges[i].value <= ranges[i].most)
            continue;
        log_line(options, PIKO_LOG_ERROR,
                 "profiling not started: option %s is %" PRId64 ", want %" PRId64 " to %" PRId64, ranges[i].name,
                 ranges[i].value, ranges[i].least, ranges[i].most);
        return -EINVAL;
    }
    return 0;
}

static uint64_t rate_of(int64_t option) {
    return option == PIKO_OFF ? 0 : (uint64_t)option;
}

static void warn(void *data, const char *sentence) {
    const struct piko_profiling *profiling = data;
    log_line(&profiling->options, PIKO_LOG_WARNING, "%s", sentence);
}

static void stop_probe(struct piko_profiling *profiling) {
    reader_free(profiling->reader);
    builds_free(profiling->builds);
    control_stop();
}

/* The probe, then its reader, then the endpoints; each is undone when a later one fails. */
static int start_probe(struct piko_profiling *profiling) {
    const struct piko_profiling_options *options = &profiling->options;
    struct control_rates rates = {.mem_profile_rate_bytes = rate_of(options->mem_profile_rate_bytes),
                                  .block_rate_ns = rate_of(options->block_rate_ns),
                                  .mutex_fraction = (uint32_t)rate_of(options->mutex_fraction)};
    if (options->rolling_trace) {
        rates.trace_min_age_ns = (uint64_t)options->rolling_trace_min_age_ns;
        rates.trace_bytes_max = (uint64_t)options->rolling_trace_max_bytes;
    }
    struct segment *segment;
    size_t bytes;
    int error = control_start(&rates, /* memory= */ NULL, &segment, &bytes);
    if (error)
        return error;
    error = builds_new(warn, profiling, &profiling->builds);
    if (!error)
        error = reader_new(segment, bytes, &profiling->reader);
    if (error)
        stop_probe(profiling);
    else
        reader_set_builds(profiling->reader, profiling->builds);
    return error;
}

static int start_serve(struct piko_profiling *profiling) {
    const struct piko_profiling_options *options = &profiling->options;
    struct serve_options serve_options = {
        .reader = profiling->reader,
        .bind_address = options->bind_address,
        .port = options->port == PIKO_ANY_PORT ? 0 : (uint16_t)options->port,
        .unix_path = options->unix_socket,
        .allow_hosts = options->allow_hosts,
        .token_file = options->token_file,
        .cpu_rate_hz = (unsigned)options->cpu_rate_hz,
        .log = log_from_serve,
        .log_data = profiling,
    };
    char why[256];
    int error = serve_start(&serve_options, &profiling->serve, why, sizeof why);
    if (error)
        log_line(options, PIKO_LOG_ERROR, "profiling not started: %s", why);
    return error;
}

/* Threads that are made inside are ours: marked as such, and with all signals blocked. */
struct own_section {
    int mark;
    sigset_t mask;
};

static struct own_section enter_own_section(void) {
    struct own_section section = {.mark = control_mark_own(1)};
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &section.mask);
    return section;
}

static void leave_own_section(struct own_section section) {
    pthread_sigmask(SIG_SETMASK, &section.mask, NULL);
    control_mark_own(section.mark);
}

static void tell_where(const struct piko_profiling *profiling) {
    const struct piko_profiling_options *options = &profiling->options;
    bool brackets = strchr(options->bind_address, ':') != NULL;
    if (options->unix_socket)
        log_line(options, PIKO_LOG_INFO, "profiling at unix socket %s, /_piko/debug/pprof/", options->unix_socket);
    else
        log_line(options, PIKO_LOG_INFO, "profiling at http://%s%s%s:%u/_piko/debug/pprof/", brackets ? "[" : "",
                 options->bind_address, brackets ? "]" : "", serve_port(profiling->serve));
}

/* They are the caller's. */
static void forget_strings(struct piko_profiling_options *options) {
    options->bind_address = options->unix_socket = options->allow_hosts = options->token_file = NULL;
}

static int start(struct piko_profiling *profiling) {
    struct own_section section = enter_own_section();
    int error = start_probe(profiling);
    if (error)
        log_line(&profiling->options, PIKO_LOG_ERROR, "profiling not started: the probe could not start (error %d)",
                 -error);
    else if ((error = start_serve(profiling)))
        stop_probe(profiling);
    else
        builds_look(profiling->builds, (uint32_t)getpid(), /* program= */ "");
    leave_own_section(section);
    if (!error)
        control_let_signal_in();
    return error;
}

/* A child has neither our threads nor the lock's owner; it may start a profiling of its own. */
static void after_fork_in_child(void) {
    if (running)
        serve_leave_to_parent(running->serve);
    running = NULL;
    turn = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
}

/* Holding the turn. */
static void watch_forks(void) {
    static bool done;
    if (!done)
        done = pthread_atfork(NULL, NULL, after_fork_in_child) == 0;
}

int piko_profiling_start(const struct piko_profiling_options *given, struct piko_profiling **ret) {
    struct piko_profiling_options options = with_defaults(given);
    int error = check(&options);
    if (error)
        return error;
    pthread_mutex_lock(&turn);
    watch_forks();
    struct piko_profiling *profiling = running ? NULL : calloc(1, sizeof *profiling);
    if (running) {
        log_line(&options, PIKO_LOG_ERROR, "profiling not started: it runs already, on port %u",
                 serve_port(running->serve));
        error = -EALREADY;
    } else if (!profiling) {
        error = -ENOMEM;
    } else {
        profiling->options = options;
        error = start(profiling);
    }
    if (error) {
        free(profiling);
    } else {
        running = profiling;
        *ret = profiling;
        tell_where(profiling);
        forget_strings(&profiling->options);
    }
    pthread_mutex_unlock(&turn);
    return error;
}

int piko_profiling_port(const struct piko_profiling *profiling) {
    return serve_port(profiling->serve);
}

int piko_profiling_stop(struct piko_profiling *profiling) {
    if (!profiling)
        return 0;
    pthread_mutex_lock(&turn);
    if (profiling != running) { /* the parent's, in a fork child */
        pthread_mutex_unlock(&turn);
        return 0;
    }
    struct own_section section = enter_own_section();
    serve_stop(profiling->serve);
    stop_probe(profiling);
    leave_own_section(section);
    running = NULL;
    pthread_mutex_unlock(&turn);
    free(profiling);
    return 0;
}
