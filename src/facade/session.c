#include "facade/session.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

#include "probe/control/control.h"
#include "reader/builds.h"
#include "reader/reader.h"

/* ---- What there is to say --------------------------------------------------------------------------------------------*/

static void log_to_stderr(void *data, enum piko_log_level level, const char *message) {
    (void)data;
    static const char *const words[] = {"", "warning: ", "error: "};
    fprintf(stderr, "piko: %s%s\n", words[level], message);
}

struct logger logger_of(piko_log_function function, void *data) {
    return (struct logger){.function = function ? function : log_to_stderr, .data = data};
}

void logger_say(struct logger logger, enum piko_log_level level, const char *format, ...) {
    char message[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    logger.function(logger.data, level, message);
}

/* ---- Options ---------------------------------------------------------------------------------------------------------*/

int session_check(struct logger logger, const struct option_range *ranges, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (ranges[i].value >= ranges[i].least && ranges[i].value <= ranges[i].most)
            continue;
        logger_say(logger, PIKO_LOG_ERROR,
                   "profiling not started: option %s is %" PRId64 ", want %" PRId64 " to %" PRId64, ranges[i].name,
                   ranges[i].value, ranges[i].least, ranges[i].most);
        return -EINVAL;
    }
    return 0;
}

uint64_t session_rate(int64_t option) {
    return option == PIKO_OFF ? 0 : (uint64_t)option;
}

/* ---- One at a time ---------------------------------------------------------------------------------------------------*/

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static struct session *running;

/* A child has neither our threads nor the lock's owner; it may start a profiling of its own. */
static void after_fork_in_child(void) {
    if (running && running->leave_to_parent)
        running->leave_to_parent(running);
    running = NULL;
    turn = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
}

void session_begin_turn(void) {
    static bool watches_forks;
    pthread_mutex_lock(&turn);
    if (!watches_forks)
        watches_forks = pthread_atfork(NULL, NULL, after_fork_in_child) == 0;
}

void session_end_turn(struct session *runs) {
    running = runs;
    pthread_mutex_unlock(&turn);
}

struct session *session_running(void) {
    return running;
}

int session_want_none_running(struct logger logger) {
    if (!running)
        return 0;
    logger_say(logger, PIKO_LOG_ERROR, "profiling not started: it runs already, %s", running->where);
    return -EALREADY;
}

/* ---- The probe and its reader ----------------------------------------------------------------------------------------*/

static void warn(void *data, const char *sentence) {
    const struct session *session = data;
    logger_say(session->logger, PIKO_LOG_WARNING, "%s", sentence);
}

int session_start_probe(struct session *session, const struct control_rates *rates) {
    struct segment *segment;
    size_t bytes;
    int error = control_start(rates, /* memory= */ NULL, &segment, &bytes);
    bool started = error == 0;
    if (!error)
        error = builds_new(warn, session, &session->builds);
    if (!error)
        error = reader_new(segment, bytes, &session->reader);
    if (!error)
        reader_set_builds(session->reader, session->builds);
    else if (started)
        session_stop_probe(session);
    if (error)
        logger_say(session->logger, PIKO_LOG_ERROR, "profiling not started: the probe could not start (error %d)",
                   -error);
    return error;
}

void session_stop_probe(struct session *session) {
    reader_free(session->reader);
    builds_free(session->builds);
    control_stop();
}

/* ---- Threads of ours -------------------------------------------------------------------------------------------------*/

struct own_section session_enter_own_section(void) {
    struct own_section section = {.mark = control_mark_own(1)};
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &section.mask);
    return section;
}

void session_leave_own_section(struct own_section section) {
    pthread_sigmask(SIG_SETMASK, &section.mask, NULL);
    control_mark_own(section.mark);
}
