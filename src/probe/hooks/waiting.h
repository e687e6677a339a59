/* What a hook does round a call that waits. Each macro is used in the exported function itself, or in one that it jumps to:
 * CALLER_REGISTERS() is the program's call. The result is that of the call; errno is left as the call leaves it. */
#ifndef PIKO_PROBE_HOOKS_WAITING_H
#define PIKO_PROBE_HOOKS_WAITING_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include "probe/handler/probe.h"
#include "probe/handler/thread.h"
#include "probe/handler/trace.h"
#include "probe/handler/waiters.h"
#include "probe/handler/waits.h"

#define EXPORT __attribute__((visibility("default")))

/* Whether a call that gives 0, an error number or -1 gave up at its time limit. */
static inline bool timed_out(long result) {
    return result == ETIMEDOUT || (result == -1 && errno == ETIMEDOUT);
}

/* Run `wait_call` as a wait that the block profile shows. */
#define SYNCHRONISING(state, object, wait_call)                                                                        \
    ({                                                                                                                 \
        struct unwind_registers caller_ = CALLER_REGISTERS();                                                          \
        uint64_t start_ = probe_now_ns();                                                                              \
        struct segment_thread *record_ = thread_wait_begin((state), (uint64_t)(object), start_, &caller_);             \
        __typeof__(wait_call) result_ = (wait_call);                                                                   \
        uint32_t stack_ = thread_wait_end(record_, timed_out((long)result_));                                          \
        waits_record_block(probe_now_ns() - start_, NULL, &caller_, stack_);                                           \
        result_;                                                                                                       \
    })

/* Run `wait_call` as a wait that the dump shows. */
#define WAITING(state, object, wait_call)                                                                              \
    ({                                                                                                                 \
        struct unwind_registers caller_ = CALLER_REGISTERS();                                                          \
        struct segment_thread *record_ = thread_wait_begin((state), (uint64_t)(object), 0, &caller_);                  \
        __typeof__(wait_call) result_ = (wait_call);                                                                   \
        thread_wait_end(record_, /* timed_out= */ false);                                                              \
        result_;                                                                                                       \
    })

/* A hook of a call that may wait, to be shown in the dump. The usual case is all in line and keeps no register, as most of
 * these calls wait for nothing; a jump leads to the others. What is watched has its real function known. */
#define HOOK(type, name, parameters, arguments, state, object)                                                         \
    static __attribute__((noinline)) type name##_closely parameters {                                                  \
        if (!probe.watching)                                                                                           \
            return REAL(name) arguments;                                                                               \
        return WAITING(state, object, REAL(name) arguments);                                                           \
    }                                                                                                                  \
    EXPORT type name parameters {                                                                                      \
        struct segment_thread *record_ = thread_ready_to_wait();                                                       \
        if (unlikely(!record_))                                                                                        \
            return name##_closely arguments;                                                                           \
        thread_wait_begin_plainly(record_, (state), (uint64_t)(object), CALLER_REGISTERS());                           \
        return (type)thread_wait_end_plainly((long)real.name arguments);                                               \
    }

/* Run `wait_call` as a wait for `lock`, which its holders' unlocks are charged with. */
#define CONTENDED(lock, state, wait_call)                                                                              \
    ({                                                                                                                 \
        struct unwind_registers caller_ = CALLER_REGISTERS();                                                          \
        uint64_t start_ = probe_now_ns();                                                                              \
        struct waiter waiter_ = waiters_enter((lock), start_);                                                         \
        struct segment_thread *record_ = thread_wait_begin((state), (uint64_t)(uintptr_t)(lock), start_, &caller_);    \
        __typeof__(wait_call) result_ = (wait_call);                                                                   \
        uint32_t stack_ = thread_wait_end(record_, timed_out((long)result_));                                          \
        waiters_leave(waiter_, (lock));                                                                                \
        waits_record_block(probe_now_ns() - start_, (lock), &caller_, stack_);                                         \
        result_;                                                                                                       \
    })

/* Run `unlock_call`, and charge it with what was waited for. The stack is taken after the unlock, when nobody waits for
 * us any more. */
#define UNLOCKING(lock, unlock_call)                                                                                   \
    ({                                                                                                                 \
        struct unwind_registers caller_ = CALLER_REGISTERS();                                                          \
        uint64_t ticks_ = trace_is_on() ? trace_ticks() : 0;                                                           \
        uint64_t delay_ = waiters_unlocking((lock), probe_now_ns());                                                   \
        __typeof__(unlock_call) result_ = (unlock_call);                                                               \
        uint32_t stack_ = ticks_ ? trace_wake(ticks_, (uint64_t)(uintptr_t)(lock), &caller_) : 0;                      \
        waits_record_mutex(delay_, (lock), &caller_, stack_);                                                          \
        result_;                                                                                                       \
    })

/* Run `wake_call`, after which others may go on that wait for `object`. */
#define WAKING(object, wake_call)                                                                                      \
    ({                                                                                                                 \
        struct unwind_registers caller_ = CALLER_REGISTERS();                                                          \
        uint64_t ticks_ = trace_ticks();                                                                               \
        __typeof__(wake_call) result_ = (wake_call);                                                                   \
        trace_wake(ticks_, (uint64_t)(uintptr_t)(object), &caller_);                                                   \
        result_;                                                                                                       \
    })

#endif
