/* Single-stepping of the calling thread, and the truth about its stack: the calls that have not returned, as the
 * instructions tell that were executed. */
#ifndef PIKO_TESTS_UNIT_PROBE_STEP_H
#define PIKO_TESTS_UNIT_PROBE_STEP_H

#include <stdint.h>
#include <ucontext.h>

#define STEP_CALLS_MAX 128u

/* `at_stop` is called, in a signal handler, before each instruction from step_start() on until step_stop(). 0 or -1. */
int step_init(void (*at_stop)(const ucontext_t *context));
void step_start(void);
void step_stop(void);

/* In at_stop: program counters to look up, innermost first, the interrupted one included. At most STEP_CALLS_MAX + 1. */
unsigned step_truth(uint64_t *ret);

#endif
