/* A stack for the handlers of fatal signals: a stack that has overflowed has no room for them, and the kernel would end the
 * program without a word. Each thread has one of its own while crash_signals are handled. The program is not to notice: to
 * it, a thread has an alternate stack when it made one, which then takes the place of ours. */
#ifndef PIKO_PROBE_HANDLER_CRASH_STACK_H
#define PIKO_PROBE_HANDLER_CRASH_STACK_H

#include <signal.h>
#include <stdbool.h>

/* The calling thread begins, or ends for good: gets its stack, gives it back. Address space of 68 KiB, of which nothing is
 * committed until a handler runs on it. Not in a handler. */
void crash_stack_begin(void);
void crash_stack_end(void);

/* As sigaltstack(2) does for a program without us. 0 or -1 with errno. */
int crash_stack_change(const stack_t *wanted, stack_t *before);

/* Whether SA_ONSTACK means anything yet: the program has made an alternate stack. Until then its handlers stay on the stacks
 * that they would run on without us, which are larger. */
bool crash_stack_program_has_one(void);

#endif
