/* What both ways to profile oneself share: one at a time in a process, the probe with its reader, and the log. */
#ifndef PIKO_FACADE_SESSION_H
#define PIKO_FACADE_SESSION_H

#include <signal.h>
#include <stddef.h>
#include <stdint.h>

#include "piko/piko.h"

struct builds;
struct control_rates;
struct reader;

/* `function` is not NULL: see logger_of(). */
struct logger {
    piko_log_function function;
    void *data;
};

/* That of the options, where NULL is standard error. */
struct logger logger_of(piko_log_function function, void *data);
__attribute__((format(printf, 3, 4))) void logger_say(struct logger logger, enum piko_log_level level,
                                                      const char *format, ...);

struct option_range {
    const char *name;
    int64_t value, least, most;
};

/* -EINVAL, said to the log, for the first option that is out of range; else 0. */
int session_check(struct logger logger, const struct option_range *ranges, size_t n);

/* PIKO_OFF is 0 for the probe. */
uint64_t session_rate(int64_t option);

struct session {
    struct logger logger;
    char where[256];                                    /* that it serves or writes to: "on port 6060" */
    void (*leave_to_parent)(struct session *inherited); /* in the child of a fork; NULL = there is nothing to do */
    struct builds *builds;
    struct reader *reader;
};

/* Start and stop take turns. In one's turn, `running` is what runs; -EALREADY, said to the log, when something does. */
void session_begin_turn(void);
void session_end_turn(struct session *running);
struct session *session_running(void);
int session_want_none_running(struct logger logger);

/* The probe and its reader. 0 or a negative errno, said to the log, with everything as before. */
int session_start_probe(struct session *session, const struct control_rates *rates);
void session_stop_probe(struct session *session);

/* Threads that are made inside are ours: marked as such, and with all signals blocked. */
struct own_section {
    int mark;
    sigset_t mask;
};
struct own_section session_enter_own_section(void);
void session_leave_own_section(struct own_section section);

#endif
