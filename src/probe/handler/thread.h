/* Thread records: who is who, and what a thread waits for. */
#ifndef PIKO_PROBE_HANDLER_THREAD_H
#define PIKO_PROBE_HANDLER_THREAD_H

#include <stdbool.h>
#include <stdint.h>

#include "probe/handler/probe.h"
#include "probe/handler/trace.h"
#include "probe/handler/unwind.h"
#include "probe/handler/unwind_arch.h"
#include "segment/segment.h"

/* Where the caller of a hook stands. Hooks are built with frame pointers, so these three words are exact; valid in the
 * exported function itself only. */
#define CALLER_REGISTERS()                                                                                             \
    ((struct unwind_registers){.pc = (uint64_t)(uintptr_t)__builtin_return_address(0),                                 \
                               .sp = UNWIND_CALLER_SP(),                                                               \
                               .fp = *(const uint64_t *)__builtin_frame_address(0),                                    \
                               .pc_is_return = true})

/* Record of the thread with this id, claimed if there is none; NULL (counted in lost_threads) when all around its place
 * are taken by live threads. Callable for oneself and, by control, for others. */
struct segment_thread *thread_record(uint32_t tid);

/* Record number `index`; NULL when it was never used. */
static inline struct segment_thread *thread_at(uint32_t index) {
    struct segment_thread *record = &probe.tables.threads[index];
    return probe_used(record) ? record : NULL;
}

/* The calling thread's own record; NULL when there is none to be had, before the start, and for our own threads. */
struct segment_thread *thread_attach(void);

static inline struct segment_thread *thread_self(void) {
    return probe_thread.record ? probe_thread.record : thread_attach();
}

/* A new thread begins, before its own code runs: a record of an older thread with the same id is made new. root_pc: start of
 * its function. */
void thread_begin(uint32_t create_stack, uintptr_t root_pc);

/* A thread of ours begins: it has a record, so that nobody else takes it for one of the program's, and nothing more. */
void thread_begin_own(void);

/* Set a record's name; longer ones are cut. */
void thread_set_name(struct segment_thread *record, const char *name);

/* The thread ends: its record is free to be reused, and what it does from here on has none. */
void thread_detach(void);

/* Publish a wait of the calling thread; `since_ns` 0 takes probe_beat_ns(). Returns what thread_wait_end() takes: NULL
 * when there is no record, or when a wait is published already (a signal handler that waits inside a wait). A wait that
 * ended in a jump is taken as over by the next one. */
struct segment_thread *thread_wait_begin(enum segment_thread_state state, uint64_t object, uint64_t since_ns,
                                         const struct unwind_registers *caller);
/* Returns the stack in which it waited, known while the trace is recorded; 0 = take it yourself. */
uint32_t thread_wait_end(struct segment_thread *record, bool timed_out);

static inline void thread_publish_wait(struct segment_thread *record, enum segment_thread_state state, uint64_t object,
                                       uint64_t since_ns, struct unwind_registers caller) {
    /* One by one: two stores that are read again as one stall the processor. */
    __atomic_store_n(&record->wait_pc, caller.pc, __ATOMIC_RELAXED);
    __atomic_store_n(&record->wait_sp, caller.sp, __ATOMIC_RELAXED);
    __atomic_store_n(&record->wait_fp, caller.fp, __ATOMIC_RELAXED);
    __atomic_store_n(&record->wait_object, object, __ATOMIC_RELAXED);
    __atomic_store_n(&record->state_since_ns, since_ns, __ATOMIC_RELAXED);
    __atomic_store_n(&record->state, state, __ATOMIC_RELAXED);
    __atomic_store_n(&record->wait_seq, record->wait_seq + 1, __ATOMIC_RELEASE);
}

/* Also of a wait that is over already: a signal handler took it as left by a jump. */
static inline void thread_publish_end(struct segment_thread *record) {
    __atomic_store_n(&record->wait_seq, (record->wait_seq | 1) + 1, __ATOMIC_RELEASE);
    __atomic_store_n(&record->state, SEGMENT_THREAD_RUNNING, __ATOMIC_RELAXED);
}

/* ---- The same without a call and without a clock, for system calls, of which most wait for nothing --------------------*/

/* thread_wait_end() of the calling thread's wait, whose result it returns. */
long thread_wait_end_closely(long result);

/* The calling thread's record when it can publish a wait so: waits are watched and nothing else, and it is in none. Else
 * NULL, and thread_wait_begin() is to look. */
static inline struct segment_thread *thread_ready_to_wait(void) {
    struct segment_thread *record = probe_thread.record;
    return likely(probe.watching == PROBE_WAITS && record && !(record->wait_seq & 1)) ? record : NULL;
}

static inline void thread_wait_begin_plainly(struct segment_thread *record, enum segment_thread_state state,
                                             uint64_t object, struct unwind_registers caller) {
    thread_publish_wait(record, state, object, probe_beat_ns(), caller);
}

/* What was begun plainly. The record is asked for anew, since a signal handler may have forked: in its child it is another.
 * The result of the wait is passed through, so that nobody need keep it over a call. */
static inline long thread_wait_end_plainly(long result) {
    struct segment_thread *record = probe_thread.record;
    if (unlikely(probe.watching != PROBE_WAITS || !record))
        return thread_wait_end_closely(result);
    thread_publish_end(record);
    return result;
}

#endif
