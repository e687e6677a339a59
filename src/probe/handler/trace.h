/* The recorder of the execution trace: what threads do, as it happens, into the chunks of the segment.
 *
 * While nothing records, each place costs one load and one branch. While something does, an event is one reading of the
 * clock, one uncontended atomic addition and 32 bytes. A signal handler may record in the middle of another event. */
#ifndef PIKO_PROBE_HANDLER_TRACE_H
#define PIKO_PROBE_HANDLER_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#include "probe/handler/probe.h"
#include "probe/handler/unwind.h"
#include "segment/ticks.h"

static inline bool trace_is_on(void) {
    return unlikely(__atomic_load_n(&probe.watching, __ATOMIC_RELAXED) & PROBE_TRACE);
}

/* Now, by the trace's clock; never 0. */
static inline uint64_t trace_ticks(void) {
    return likely(probe.trace_tsc) ? ticks_tsc() : probe_now_ns();
}

/* Write one record of the calling thread; nothing for threads of our own. `record->lease` is filled in. */
void trace_record(struct segment_trace_record record);

/* The program logs; category: id of a string. Longer messages are cut. */
void trace_log(uint64_t task, uint32_t category, uint32_t stack, const char *message);

/* A wait of the calling thread ended, which thread_wait_begin() published in its record: state, object, ticks, stack. */
void trace_wait(const struct segment_thread *thread, bool timed_out);

/* The calling thread let others go on that wait for `object`: the time is taken before that, the stack after, when they
 * are not kept by it. Returns the stack. */
uint32_t trace_wake(uint64_t ticks, uint64_t object, const struct unwind_registers *caller);

/* The calling thread begins. created_ticks: of the pthread_create; 0 unknown. */
void trace_thread_start(uint64_t function, uint32_t create_stack, uint32_t creator, uint64_t created_ticks);
/* It ends, and lets go on who waits for `object` to end. */
void trace_exit(uint64_t object, const struct segment_thread *thread);
/* Its name, at its end or from here on. */
void trace_thread_name(enum segment_trace_kind kind, const struct segment_thread *thread);

/* In the child of a fork: the chunk is its parent's. */
void trace_reset_after_fork(void);

#endif
