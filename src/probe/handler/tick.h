/* The signal handler: CPU samples, and the stacks of running threads for a dump. */
#ifndef PIKO_PROBE_HANDLER_TICK_H
#define PIKO_PROBE_HANDLER_TICK_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

/* What a timer's si_value carries: who it belongs to, and a mark by which the handler knows its own signals. */
enum tick_kind { TICK_CPU = 1, TICK_DUMP = 2 };

#define TICK_GENERATIONS 4096u

/* record_index: of the thread's record; generation: of a CPU timer, below TICK_GENERATIONS (dumps are told apart by the
 * mailbox's dump_wanted). */
uintptr_t tick_value(enum tick_kind kind, uint32_t record_index, uint32_t generation);

/* Whether a signal is one of our timers'. */
bool tick_is_ours(const siginfo_t *info);

/* What the program wants done with the same signal when it is not from our timers; the hook of sigaction() keeps it. */
extern struct sigaction tick_program_action;
/* Whether that is a function. */
bool tick_is_handler(const struct sigaction *action);

/* SA_SIGINFO | SA_RESTART | SA_ONSTACK. Stays installed for ever: a late signal never meets the default action. Signals
 * that are not our timers' are passed on to the program's handler. */
void tick_handler(int signal_number, siginfo_t *info, void *context);

/* Sequence number of the dump that control works at; 0 = none. */
extern uint64_t tick_dump_seq;

#endif
