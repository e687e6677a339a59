/* The CPU sampler: a timer for every thread. */
#ifndef PIKO_PROBE_CONTROL_SAMPLER_H
#define PIKO_PROBE_CONTROL_SAMPLER_H

#include <stdbool.h>

/* Choose a signal and install the handler, once; it stays for ever. 0 or a negative errno (-EBUSY: the program uses every
 * signal that we could). */
int sampler_init(void);

/* The rate that is meant: 0 = 100, and 1000 at most. */
unsigned sampler_hz(unsigned asked);

/* Before it runs again: room in the table, and memory for what the handler writes to. By control's thread alone. */
void sampler_prepare(void);

/* Run at so many samples a second of CPU time, whether it ran before, at another rate, or not; 0 = 100. Threads that came
 * without a timer (made by clone, not pthread_create) get one. By control's thread alone. */
void sampler_run(unsigned hz);

/* The same where there is no such thread yet, and nobody captures: what was counted before is forgotten. */
void sampler_run_anew(unsigned hz);

/* The same where there is no such thread yet, for the one thread that the program has: what loading the program took counts as
 * well. `record` is that thread's; NULL is taken. */
struct segment_thread;
void sampler_run_from_the_start(struct segment_thread *record, unsigned hz);
void sampler_stop(void);
bool sampler_is_running(void);

/* In the child of a fork: the parent's timers are not its own. */
void sampler_reset_after_fork(void);

/* Count the CPU time that all threads owe: before a snapshot. */
void sampler_settle_all(void);

#endif
