/* Requests to the control thread of the target. Every wait is bounded: a target that is stopped, hung or dead costs its
 * reader that long and no more. Threads: any. */
#ifndef PIKO_READER_MAILBOX_H
#define PIKO_READER_MAILBOX_H

#include <stdint.h>

#include "reader/validate.h"

#define MAILBOX_WAIT_MS 1000u        /* for a dump, for the sampler */
#define MAILBOX_REFRESH_WAIT_MS 200u /* for names and modules, without which a profile is a little older */

/* Have a dump taken; `ret` is the number that its records carry. 0, or -ETIMEDOUT with `ret` set all the same. */
int mailbox_dump(const struct view *view, uint64_t *ret);

/* Have thread names and the module list brought up to date. Goes on without when the target does not answer. */
void mailbox_refresh(const struct view *view);

/* One user more or less of the CPU sampler, which is to run at `hz` from here on. One call at a time. */
void mailbox_cpu_enter(const struct view *view, unsigned hz);
void mailbox_cpu_leave(const struct view *view, unsigned hz);

/* Wait until the sampler that was joined runs. 0 or -ETIMEDOUT. */
int mailbox_cpu_wait(const struct view *view);

/* Another number each time that the CPU table may have been cleared; 0 while the sampler is off. */
uint64_t mailbox_cpu_ready(const struct view *view);

/* Join the recording of the trace without waiting; wait until it is on (0 or -ETIMEDOUT); leave it. */
void mailbox_trace_enter(const struct view *view);
int mailbox_trace_wait(const struct view *view);
void mailbox_trace_leave(const struct view *view);

#endif
