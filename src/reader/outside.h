/* Stacks of the threads of another process that does not answer, read from outside: the kernel tells where each is, and
 * libdw's unwinder follows it through memory that the kernel lets us read. For a process that is stopped or whose probe is
 * hung; a running thread cannot be read this way. Threads: one at a time. */
#ifndef PIKO_READER_OUTSIDE_H
#define PIKO_READER_OUTSIDE_H

#include <stdbool.h>
#include <stdint.h>

#include "reader/validate.h"

struct outside;

/* `pid` as the supervisor sees it. 0, -ENOMEM, or -ESRCH when the process is gone or closed to us. */
int outside_open(uint32_t pid, struct outside **ret);

/* Where a thread stands in the program, if its probe published that: the kernel does not tell of the frame pointer. */
struct outside_place {
    uint64_t pc, sp, fp; /* pc: return address of the hook that it waits in; 0 = not known */
};

/* False when the thread is running, gone or closed to us. Frames of the probe, and those below, are left out. */
bool outside_stack(struct outside *outside, uint32_t tid, const struct outside_place *place, struct view_stack *ret);

void outside_close(struct outside *outside); /* takes NULL */

#endif
