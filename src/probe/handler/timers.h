/* CPU timers: one a thread, on that thread's CPU clock, delivered to it alone. The kernel checks them on its tick, on the
 * way back to the program, so that they never break a blocking call off. */
#ifndef PIKO_PROBE_HANDLER_TIMERS_H
#define PIKO_PROBE_HANDLER_TIMERS_H

#include <stdbool.h>
#include <stdint.h>

#include "segment/segment.h"

/* The signal that timers send; set by control before the first timer. */
extern int timers_signal;

/* Let the signal through to the calling thread, whatever the program blocked before: else the thread would not show in
 * any profile. */
void timers_let_signal_in(void);

/* Block the signal, for a fork; returns whether it was blocked before. */
bool timers_block_signal(void);
void timers_unblock_signal(void);

/* Start the CPU timer of a thread, or leave it when it runs at that period already. Its first expiry is at a random point
 * of the period, so that many short-lived threads are not undercounted. Counted in lost_timers when the kernel refuses.
 * Any thread. */
void timers_start_cpu(struct segment_thread *record, uint64_t period_ns);
/* The same for the first thread of a program that begins, by that thread: what loading it took counts too. */
void timers_start_cpu_from_the_start(struct segment_thread *record, uint64_t period_ns);
/* Settle, and end the timer: what belongs to no known stack is lost. */
void timers_stop_cpu(struct segment_thread *record);

/* By the handler: so many expiries came as a signal, with this segment_cpu_key(). How many of them are not counted yet, and
 * the CPU time that they stand for. None of a timer that another one has followed: what it owed was settled. */
uint64_t timers_delivered(const struct segment_thread *record, uint32_t generation, uint64_t expiries, uint64_t key,
                          uint64_t *ret_ns);

/* Count the expiries that are due by the thread's CPU clock and have not come as a signal: the kernel looks at timers on
 * its tick alone, so a thread that runs in bursts between ticks owes up to a tick at any moment, and one that ends may
 * never have been met by one. They go to the stack of the thread's last sample, else to its function; where neither is known
 * they are left to be counted later. Any thread. */
void timers_settle(const struct segment_thread *record);

/* Ask a running thread for its stack: a timer that expires as soon as the thread has used any CPU at all. A thread that
 * blocks instead never gets it. Returns a kernel timer id, or -1. */
int timers_ask(const struct segment_thread *record);
void timers_forget(int timer);

/* In the child of a fork, which has no timers. */
void timers_reset_after_fork(void);

#endif
