/* nasty SCENARIO SECONDS|xROUNDS [profiled]: what other profilers broke. Each scenario checks its own results, which are the same
 * with and without profiling: it prints "ok" and ends with 0. */
#ifndef PIKO_TESTS_NASTY_H
#define PIKO_TESTS_NASTY_H

#include <piko/piko.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

/* False once the scenario's time, or the rounds that it was given, are over. */
bool nasty_more(void);

/* Profiling at the rates that hurt most; -1 when the program was asked to run without. */
int nasty_start(int port, struct piko_profiling **ret);

/* NULL when it runs without. */
extern struct piko_profiling *nasty_profiling;

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                                            \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

#define NOINLINE __attribute__((noinline))

/* Use the CPU for about so many microseconds: always the same work. */
NOINLINE void nasty_burn(unsigned us);

void nasty_thread_storm(void);
void nasty_cancel(void);
void nasty_exit_keys(void);
void nasty_locks(void);
void nasty_timed_waits(void);

void nasty_fork(void);
void nasty_fork_large(void);
void nasty_fork_start(void);
void nasty_fork_port(void);
void nasty_spawn(void);

void nasty_eintr(void);
void nasty_sigwait(void);
void nasty_own_handler(void);
void nasty_altstack(void);
void nasty_longjmp(void);

void nasty_contexts(void);
void nasty_dlopen(void);
void nasty_cross_free(void);
void nasty_allocators(void);
void nasty_restart(void);

#endif
