#include "probe/handler/thread.h"

#include <sys/syscall.h>
#include <unistd.h>

#include "probe/handler/capture.h"
#include "probe/handler/probe.h"
#include "probe/handler/trace.h"

/* Records looked at for one thread id: they stand at consecutive places from the id's own. */
#define THREAD_PROBES 64u

static struct segment_thread *record_at(uint32_t tid, uint32_t i) {
    return &probe.tables.threads[(tid + i) & (SEGMENT_THREADS_MAX - 1)];
}

static struct segment_thread *find_record(uint32_t tid) {
    for (uint32_t i = 0; i < THREAD_PROBES; i++) {
        struct segment_thread *record = record_at(tid, i);
        if (probe_used(record) && __atomic_load_n(&record->tid, __ATOMIC_ACQUIRE) == tid &&
            __atomic_load_n(&record->state, __ATOMIC_RELAXED) != SEGMENT_THREAD_EXITED)
            return record;
    }
    return NULL;
}

static void reset_record(struct segment_thread *record) {
    record->started_ns = 0;
    record->own = 0;
    record->create_stack = 0;
    record->name[0] = '\0';
    record->stack_low = record->stack_high = 0;
    record->wait_object = record->dump_seq = record->dump_since_ns = record->dump_wait_seq = record->state_since_ns = 0;
    record->dump_stack = record->dump_state = record->wait_stack = record->labels = 0;
    record->root_pc = 0;
    record->wait_ticks = 0;
    __atomic_store_n(&record->wait_seq, (record->wait_seq | 1) + 1, __ATOMIC_RELEASE); /* even: waits for nothing */
}

/* Claim a record that was never used, or one of an ended thread. */
static bool claim_record(struct segment_thread *record, uint32_t tid) {
    uint32_t seen = __atomic_load_n(&record->state, __ATOMIC_RELAXED);
    if (seen != SEGMENT_THREAD_FREE && seen != SEGMENT_THREAD_EXITED)
        return false;
    if (!__atomic_compare_exchange_n(&record->state, &seen, SEGMENT_THREAD_RUNNING, false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_RELAXED))
        return false;
    reset_record(record);
    probe_use(record);
    __atomic_store_n(&record->tid, tid, __ATOMIC_RELEASE);
    return true;
}

struct segment_thread *thread_record(uint32_t tid) {
    struct segment_thread *record = find_record(tid);
    for (uint32_t i = 0; !record && i < THREAD_PROBES; i++)
        if (claim_record(record_at(tid, i), tid))
            record = record_at(tid, i);
    if (!record) {
        counter_add(&probe.segment->counters.lost_threads, 1);
        return NULL;
    }
    /* The thread itself and control may have claimed one each at the same time: the first in probe order stands. */
    struct segment_thread *first = find_record(tid);
    if (first && first != record) {
        __atomic_store_n(&record->state, SEGMENT_THREAD_EXITED, __ATOMIC_RELEASE);
        record = first;
    }
    return record;
}

struct segment_thread *thread_attach(void) {
    if (!probe.segment || probe_thread.own || probe_thread.detached)
        return NULL;
    if (!probe_thread.tid)
        probe_thread.tid = (uint32_t)syscall(SYS_gettid);
    if (!probe_thread.random)
        probe_thread.random = (probe_now_ns() ^ (uint64_t)probe_thread.tid << 40) | 1;
    probe_thread.record = thread_record(probe_thread.tid);
    if (probe_thread.record && probe_thread.root_pc) /* of the thread that forked, in a child */
        probe_thread.record->root_pc = probe_thread.root_pc;
    return probe_thread.record;
}

void thread_begin(uint32_t create_stack, uintptr_t root_pc) {
    struct segment_thread *record = thread_attach();
    if (!record)
        return;
    reset_record(record);
    record->state = SEGMENT_THREAD_RUNNING;
    record->started_ns = probe_now_ns();
    record->create_stack = create_stack;
    record->root_pc = probe_thread.root_pc = root_pc;
}

void thread_begin_own(void) {
    probe_thread.own = true;
    struct segment_thread *record = probe.segment ? thread_record((uint32_t)syscall(SYS_gettid)) : NULL;
    if (record)
        record->own = 1;
}

void thread_set_name(struct segment_thread *record, const char *name) {
    unsigned i = 0;
    for (; i < SEGMENT_THREAD_NAME_BYTES - 1 && name[i] && name[i] != '\n'; i++)
        record->name[i] = name[i];
    record->name[i] = '\0';
}

void thread_detach(void) {
    probe_thread.detached = true;
    struct segment_thread *record = probe_thread.record;
    probe_thread.record = NULL;
    if (!record)
        return;
    __atomic_store_n(&record->wait_seq, (record->wait_seq | 1) + 1, __ATOMIC_RELEASE);
    __atomic_store_n(&record->state, SEGMENT_THREAD_EXITED, __ATOMIC_RELEASE);
}

uint32_t thread_wait_end(struct segment_thread *record, bool timed_out) {
    if (!record)
        return 0;
    uint32_t stack = record->wait_ticks ? record->wait_stack : 0;
    if (trace_is_on())
        trace_wait(record, timed_out);
    thread_publish_end(record);
    record->wait_ticks = 0;
    return stack;
}

long thread_wait_end_closely(long result) {
    thread_wait_end(probe_thread.record, /* timed_out= */ false);
    return result;
}

/* The clock first: the wait includes what the walk takes, as it does in the block profile. */
static void note_for_trace(struct segment_thread *record, const struct unwind_registers *caller) {
    bool on = trace_is_on();
    record->wait_ticks = on ? trace_ticks() : 0;
    record->wait_stack = on ? capture_stack(caller) : 0;
}

struct segment_thread *thread_wait_begin(enum segment_thread_state state, uint64_t object, uint64_t since_ns,
                                         const struct unwind_registers *caller) {
    struct segment_thread *record = thread_self();
    if (!record)
        return NULL;
    if (record->wait_seq & 1) {
        if (caller->sp < record->wait_sp)
            return NULL;
        /* Stacks grow downwards: that wait was left by a jump out of a signal handler. (Or this is a handler on another
         * stack: then the wait that it interrupted is not shown for the rest of its time.) */
        thread_wait_end(record, false);
    }
    note_for_trace(record, caller);
    thread_publish_wait(record, state, object, since_ns ? since_ns : probe_beat_ns(), *caller);
    return record;
}
