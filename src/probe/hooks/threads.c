/* The life of threads. */
#include "probe/hooks/threads.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>

#include "probe/handler/capture.h"
#include "probe/handler/crash_stack.h"
#include "probe/handler/probe.h"
#include "probe/handler/thread.h"
#include "probe/handler/timers.h"
#include "probe/handler/trace.h"
#include "probe/hooks/real.h"

#define EXPORT __attribute__((visibility("default")))

struct start {
    void *(*function)(void *);
    void *argument;
    uint32_t create_stack, creator;
    uint64_t created_ticks;
    bool own, signal_blocked; /* the creator's mask, as it thinks of it, is the new thread's */
};

static pthread_key_t exit_key;
static bool exit_key_made;

/* Runs after the thread's own C++ destructors, however it ends. The destructors of other keys may still be to come: they are
 * the program's code too, so the key is set again, for the next round. */
static void thread_exits(void *record) {
    if (!probe_thread.ending) {
        probe_thread.ending = true;
        pthread_setspecific(exit_key, record);
        return;
    }
    if (probe_thread.record)
        timers_stop_cpu(probe_thread.record);
    if (trace_is_on() && probe_thread.record)
        trace_exit(pthread_self(), probe_thread.record);
    thread_detach();
    crash_stack_end();
}

void threads_init(void) {
    exit_key_made = pthread_key_create(&exit_key, thread_exits) == 0;
}

static void learn_stack_bounds(struct segment_thread *record) {
    pthread_attr_t attributes;
    void *low;
    size_t size;
    /* It allocates; that is not the program's doing. */
    probe_thread.own = true;
    if (pthread_getattr_np(pthread_self(), &attributes) == 0) {
        if (pthread_attr_getstack(&attributes, &low, &size) == 0) {
            record->stack_low = (uintptr_t)low;
            record->stack_high = (uintptr_t)low + size;
        }
        pthread_attr_destroy(&attributes);
    }
    probe_thread.own = false;
}

/* All that a new thread does before its own code. */
static void begin(const struct start *start) {
    void (*resume_control)(void) = __atomic_load_n(&probe.resume_control, __ATOMIC_ACQUIRE);
    if (unlikely(resume_control != NULL))
        resume_control();
    thread_begin(start->create_stack, (uintptr_t)start->function);
    struct segment_thread *record = probe_thread.record;
    if (!record)
        return;
    if (trace_is_on())
        trace_thread_start((uintptr_t)start->function, start->create_stack, start->creator, start->created_ticks);
    learn_stack_bounds(record);
    if (exit_key_made)
        pthread_setspecific(exit_key, record);
    crash_stack_begin();
    timers_let_signal_in();
    uint64_t period = __atomic_load_n(&probe.cpu_period_ns, __ATOMIC_ACQUIRE);
    if (period)
        timers_start_cpu(record, period);
}

/* Ends in a jump, not a call, so that no frame of ours stands at the root of the program's stacks. */
static void *thread_main(void *data) {
    struct start start = *(struct start *)data;
    REAL(free)(data);
    probe_thread.signal_blocked = start.signal_blocked;
    if (start.own)
        thread_begin_own();
    else if (probe.watching)
        begin(&start);
    return start.function(start.argument);
}

EXPORT int pthread_create(pthread_t *restrict thread, const pthread_attr_t *restrict attributes,
                          void *(*function)(void *), void *restrict argument) {
    if (!probe.watching && !probe_thread.own)
        return REAL(pthread_create)(thread, attributes, function, argument);
    struct start *start = REAL(malloc)(sizeof *start);
    if (!start)
        return EAGAIN;
    *start = (struct start){.function = function,
                            .argument = argument,
                            .own = probe_thread.own,
                            .signal_blocked = probe_thread.signal_blocked};
    if (!start->own) {
        struct unwind_registers caller = CALLER_REGISTERS();
        start->create_stack = capture_stack(&caller);
        start->creator = probe_thread.tid;
        start->created_ticks = trace_is_on() ? trace_ticks() : 0;
        counter_add(&probe.segment->counters.threads_created, 1);
    }
    int error = REAL(pthread_create)(thread, attributes, thread_main, start);
    if (error)
        REAL(free)(start);
    return error;
}

EXPORT int pthread_setname_np(pthread_t thread, const char *name) {
    int error = REAL(pthread_setname_np)(thread, name);
    if (error == 0 && probe.watching && pthread_equal(thread, pthread_self())) {
        struct segment_thread *record = thread_self();
        if (record)
            thread_set_name(record, name);
        if (record && trace_is_on())
            trace_thread_name(SEGMENT_TRACE_NAME, record);
    }
    return error;
}
