/* The last words of a process that a supervisor watches: where it crashed, and what its threads were doing. */
#ifndef PIKO_PROBE_HANDLER_CRASH_H
#define PIKO_PROBE_HANDLER_CRASH_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

/* Signals that we handle in place of the default action, a bit each (1 << number); set by control, 0 = none. */
extern uint64_t crash_signals;

static inline bool crash_is_ours(int signal_number) {
    return signal_number > 0 && signal_number < 64 && crash_signals >> signal_number & 1;
}

/* Writes the segment's crash record, has a dump taken (300 ms at most), and lets the default action happen, so that
 * status, core file and whoever waits for the process see what they would without us. SA_SIGINFO | SA_ONSTACK. */
void crash_handler(int signal_number, siginfo_t *info, void *context);

#endif
