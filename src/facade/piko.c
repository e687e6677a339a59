/* Profiling of a program that lives on: its endpoints over HTTP. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "facade/session.h"
#include "probe/control/control.h"
#include "reader/builds.h"
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
    struct session session; /* first: one is cast to the other */
    struct serve *serve;
};

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
    return options;
}

static int check(struct logger logger, const struct piko_profiling_options *options) {
    const struct option_range ranges[] = {
        {"port", options->port, PIKO_ANY_PORT, 65535},
        {"block_rate_ns", options->block_rate_ns, PIKO_OFF, INT64_MAX},
        {"mutex_fraction", options->mutex_fraction, PIKO_OFF, INT32_MAX},
        {"mem_profile_rate_bytes", options->mem_profile_rate_bytes, PIKO_OFF, INT64_MAX},
        {"cpu_rate_hz", options->cpu_rate_hz, 1, CPU_RATE_HZ_MAX},
        {"rolling_trace_min_age_ns", options->rolling_trace_min_age_ns, 1, INT64_MAX},
        {"rolling_trace_max_bytes", options->rolling_trace_max_bytes, SEGMENT_TRACE_BYTES_MIN, SEGMENT_TRACE_BYTES_MAX},
    };
    return session_check(logger, ranges, sizeof ranges / sizeof *ranges);
}

static struct control_rates rates_of(const struct piko_profiling_options *options) {
    struct control_rates rates = {.mem_profile_rate_bytes = session_rate(options->mem_profile_rate_bytes),
                                  .block_rate_ns = session_rate(options->block_rate_ns),
                                  .mutex_fraction = (uint32_t)session_rate(options->mutex_fraction)};
    if (options->rolling_trace) {
        rates.trace_min_age_ns = (uint64_t)options->rolling_trace_min_age_ns;
        rates.trace_bytes_max = (uint64_t)options->rolling_trace_max_bytes;
    }
    return rates;
}

static void log_from_serve(void *data, enum serve_log_level level, const char *message) {
    const struct piko_profiling *profiling = data;
    logger_say(profiling->session.logger, (enum piko_log_level)level, "%s", message);
}

static int start_serve(struct piko_profiling *profiling, const struct piko_profiling_options *options) {
    struct serve_options serve_options = {
        .reader = profiling->session.reader,
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
        logger_say(profiling->session.logger, PIKO_LOG_ERROR, "profiling not started: %s", why);
    return error;
}

static void tell_where(struct piko_profiling *profiling, const struct piko_profiling_options *options) {
    struct session *session = &profiling->session;
    bool brackets = strchr(options->bind_address, ':') != NULL;
    if (options->unix_socket)
        snprintf(session->where, sizeof session->where, "on unix socket %.200s", options->unix_socket);
    else
        snprintf(session->where, sizeof session->where, "on port %u", serve_port(profiling->serve));
    if (options->unix_socket)
        logger_say(session->logger, PIKO_LOG_INFO, "profiling at unix socket %s, /_piko/debug/pprof/",
                   options->unix_socket);
    else
        logger_say(session->logger, PIKO_LOG_INFO, "profiling at http://%s%s%s:%u/_piko/debug/pprof/",
                   brackets ? "[" : "", options->bind_address, brackets ? "]" : "", serve_port(profiling->serve));
}

/* The probe, then its reader, then the endpoints; each is undone when a later one fails. */
static int start(struct piko_profiling *profiling, const struct piko_profiling_options *options) {
    struct session *session = &profiling->session;
    struct control_rates rates = rates_of(options);
    struct own_section section = session_enter_own_section();
    int error = session_start_probe(session, &rates);
    if (!error && (error = start_serve(profiling, options)))
        session_stop_probe(session);
    if (!error)
        builds_look(session->builds, (uint32_t)getpid(), /* program= */ "");
    session_leave_own_section(section);
    if (!error)
        control_let_signal_in();
    return error;
}

static void leave_to_parent(struct session *inherited) {
    serve_leave_to_parent(((struct piko_profiling *)inherited)->serve);
}

int piko_profiling_start(const struct piko_profiling_options *given, struct piko_profiling **ret) {
    struct piko_profiling_options options = with_defaults(given);
    struct logger logger = logger_of(options.log, options.log_data);
    int error = check(logger, &options);
    if (error)
        return error;
    session_begin_turn();
    struct session *running = session_running();
    struct piko_profiling *profiling = NULL;
    error = session_want_none_running(logger);
    if (!error && !(profiling = calloc(1, sizeof *profiling)))
        error = -ENOMEM;
    if (!error) {
        profiling->session = (struct session){.logger = logger, .leave_to_parent = leave_to_parent};
        error = start(profiling, &options);
    }
    if (error) {
        free(profiling);
    } else {
        tell_where(profiling, &options);
        running = &profiling->session;
        *ret = profiling;
    }
    session_end_turn(running);
    return error;
}

int piko_profiling_port(const struct piko_profiling *profiling) {
    return serve_port(profiling->serve);
}

int piko_profiling_stop(struct piko_profiling *profiling) {
    if (!profiling)
        return 0;
    session_begin_turn();
    struct session *running = session_running();
    if (running != &profiling->session) { /* the parent's, in a fork child */
        session_end_turn(running);
        return 0;
    }
    struct own_section section = session_enter_own_section();
    serve_stop(profiling->serve);
    session_stop_probe(&profiling->session);
    session_leave_own_section(section);
    session_end_turn(NULL);
    free(profiling);
    return 0;
}
