/* Mutexes, rwlocks, condition variables: block at the waiter, mutex at the unlock.
 *
 * A lock that is free is taken without a clock (a look at the lock word first costs 3 % of an uncontended pair; trylock
 * first 12 %, timing each lock 380 %). The look may be wrong either way, as the lock can change in between: then a short
 * wait goes unseen, or a lock that was had at once is timed and found to have taken no time.
 *
 * The four that every program calls all the time read the word as it is, one instruction, and end in jumps, to the real
 * function or to their slow halves: so they need no frame, and the slow half's caller is the program. Where the first jump leads is a variable of its own: it leads to the
 * slow half too until the real functions are known, so that nobody need ask. */
#include <errno.h>
#include <stdint.h>

#include "probe/handler/probe.h"
#include "probe/handler/thread.h"
#include "probe/handler/waiters.h"
#include "probe/handler/waits.h"
#include "probe/hooks/init.h"
#include "probe/hooks/real.h"
#include "probe/hooks/waiting.h"

/* glibc's own layout: 0 = free; a recursive lock by its holder waits for nothing. */
static inline bool mutex_is_free(const pthread_mutex_t *mutex) {
    return __atomic_load_n(&mutex->__data.__lock, __ATOMIC_RELAXED) == 0 ||
           (uint32_t)__atomic_load_n(&mutex->__data.__owner, __ATOMIC_RELAXED) == probe_thread.tid;
}

#define RWLOCK_WRITER 2u      /* __readers: a writer holds the lock, or waits for the readers to leave */
#define RWLOCK_READER_SHIFT 3 /* __readers: number of readers above; below, bits for who writes and who waits */

static inline bool rwlock_is_free(const pthread_rwlock_t *rwlock, bool to_write) {
    uint32_t readers = __atomic_load_n(&rwlock->__data.__readers, __ATOMIC_RELAXED);
    return !(readers & RWLOCK_WRITER) && (!to_write || readers >> RWLOCK_READER_SHIFT == 0);
}

static __attribute__((noinline)) int mutex_lock_contended(pthread_mutex_t *mutex) {
    if (!probe.watching || mutex_is_free(mutex))
        return REAL(pthread_mutex_lock)(mutex);
    return CONTENDED(mutex, SEGMENT_THREAD_MUTEX, REAL(pthread_mutex_lock)(mutex));
}

static __typeof__(pthread_mutex_lock) *mutex_lock_free = mutex_lock_contended;

EXPORT int pthread_mutex_lock(pthread_mutex_t *mutex) {
    if (likely(mutex->__data.__lock == 0))
        return mutex_lock_free(mutex);
    return mutex_lock_contended(mutex);
}

EXPORT int pthread_mutex_timedlock(pthread_mutex_t *mutex, const struct timespec *deadline) {
    if (!probe.watching || mutex_is_free(mutex))
        return REAL(pthread_mutex_timedlock)(mutex, deadline);
    return CONTENDED(mutex, SEGMENT_THREAD_MUTEX, REAL(pthread_mutex_timedlock)(mutex, deadline));
}

EXPORT int pthread_mutex_clocklock(pthread_mutex_t *mutex, clockid_t clock, const struct timespec *deadline) {
    if (!probe.watching || mutex_is_free(mutex))
        return REAL(pthread_mutex_clocklock)(mutex, clock, deadline);
    return CONTENDED(mutex, SEGMENT_THREAD_MUTEX, REAL(pthread_mutex_clocklock)(mutex, clock, deadline));
}

static __attribute__((noinline)) int mutex_unlock_awaited(pthread_mutex_t *mutex) {
    if (!waiters_maybe(mutex))
        return REAL(pthread_mutex_unlock)(mutex);
    return UNLOCKING(mutex, REAL(pthread_mutex_unlock)(mutex));
}

static __typeof__(pthread_mutex_unlock) *mutex_unlock_alone = mutex_unlock_awaited;

/* A lock word of 1 is a lock that nobody sleeps for. */
EXPORT int pthread_mutex_unlock(pthread_mutex_t *mutex) {
    if (likely(mutex->__data.__lock == 1))
        return mutex_unlock_alone(mutex);
    return mutex_unlock_awaited(mutex);
}

static __attribute__((noinline)) int rwlock_rdlock_contended(pthread_rwlock_t *rwlock) {
    if (!probe.watching || rwlock_is_free(rwlock, false))
        return REAL(pthread_rwlock_rdlock)(rwlock);
    return CONTENDED(rwlock, SEGMENT_THREAD_RWLOCK, REAL(pthread_rwlock_rdlock)(rwlock));
}

static __typeof__(pthread_rwlock_rdlock) *rwlock_rdlock_free = rwlock_rdlock_contended;

EXPORT int pthread_rwlock_rdlock(pthread_rwlock_t *rwlock) {
    if (unlikely(rwlock->__data.__readers & RWLOCK_WRITER))
        return rwlock_rdlock_contended(rwlock);
    return rwlock_rdlock_free(rwlock);
}

EXPORT int pthread_rwlock_wrlock(pthread_rwlock_t *rwlock) {
    if (!probe.watching || rwlock_is_free(rwlock, true))
        return REAL(pthread_rwlock_wrlock)(rwlock);
    return CONTENDED(rwlock, SEGMENT_THREAD_RWLOCK, REAL(pthread_rwlock_wrlock)(rwlock));
}

EXPORT int pthread_rwlock_timedrdlock(pthread_rwlock_t *rwlock, const struct timespec *deadline) {
    if (!probe.watching || rwlock_is_free(rwlock, false))
        return REAL(pthread_rwlock_timedrdlock)(rwlock, deadline);
    return CONTENDED(rwlock, SEGMENT_THREAD_RWLOCK, REAL(pthread_rwlock_timedrdlock)(rwlock, deadline));
}

EXPORT int pthread_rwlock_timedwrlock(pthread_rwlock_t *rwlock, const struct timespec *deadline) {
    if (!probe.watching || rwlock_is_free(rwlock, true))
        return REAL(pthread_rwlock_timedwrlock)(rwlock, deadline);
    return CONTENDED(rwlock, SEGMENT_THREAD_RWLOCK, REAL(pthread_rwlock_timedwrlock)(rwlock, deadline));
}

EXPORT int pthread_rwlock_clockrdlock(pthread_rwlock_t *rwlock, clockid_t clock, const struct timespec *deadline) {
    if (!probe.watching || rwlock_is_free(rwlock, false))
        return REAL(pthread_rwlock_clockrdlock)(rwlock, clock, deadline);
    return CONTENDED(rwlock, SEGMENT_THREAD_RWLOCK, REAL(pthread_rwlock_clockrdlock)(rwlock, clock, deadline));
}

EXPORT int pthread_rwlock_clockwrlock(pthread_rwlock_t *rwlock, clockid_t clock, const struct timespec *deadline) {
    if (!probe.watching || rwlock_is_free(rwlock, true))
        return REAL(pthread_rwlock_clockwrlock)(rwlock, clock, deadline);
    return CONTENDED(rwlock, SEGMENT_THREAD_RWLOCK, REAL(pthread_rwlock_clockwrlock)(rwlock, clock, deadline));
}

static __attribute__((noinline)) int rwlock_unlock_awaited(pthread_rwlock_t *rwlock) {
    __typeof__(pthread_rwlock_unlock) *unlock = REAL(pthread_rwlock_unlock);
    if (!waiters_maybe(rwlock))
        return unlock(rwlock);
    return UNLOCKING(rwlock, unlock(rwlock));
}

static __typeof__(pthread_rwlock_unlock) *rwlock_unlock_alone = rwlock_unlock_awaited;

/* Without a bit below the readers' number neither does a writer hold it nor does anybody wait. */
EXPORT int pthread_rwlock_unlock(pthread_rwlock_t *rwlock) {
    if (unlikely(rwlock->__data.__readers % (1u << RWLOCK_READER_SHIFT)))
        return rwlock_unlock_awaited(rwlock);
    return rwlock_unlock_alone(rwlock);
}

/* A wait for a condition gives the mutex up as an unlock does: those who wait for it are charged to this place. */
static void let_waiters_in(const pthread_mutex_t *mutex, uint64_t now_ns, const struct unwind_registers *caller) {
    uint32_t stack = trace_is_on() ? trace_wake(trace_ticks(), (uint64_t)(uintptr_t)mutex, caller) : 0;
    waits_record_mutex(waiters_unlocking(mutex, now_ns), mutex, caller, stack);
}

#define CONDITION(condition, mutex, wait_call)                                                                         \
    ({                                                                                                                 \
        struct unwind_registers caller_ = CALLER_REGISTERS();                                                          \
        uint64_t start_ = probe_now_ns();                                                                              \
        if (waiters_maybe(mutex))                                                                                      \
            let_waiters_in((mutex), start_, &caller_);                                                                 \
        struct segment_thread *record_ =                                                                               \
            thread_wait_begin(SEGMENT_THREAD_COND, (uint64_t)(uintptr_t)(condition), start_, &caller_);                \
        int result_ = (wait_call);                                                                                     \
        uint32_t stack_ = thread_wait_end(record_, timed_out(result_));                                                \
        waits_record_block(probe_now_ns() - start_, NULL, &caller_, stack_);                                           \
        result_;                                                                                                       \
    })

EXPORT int pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex) {
    if (!probe.watching)
        return REAL(pthread_cond_wait)(condition, mutex);
    return CONDITION(condition, mutex, REAL(pthread_cond_wait)(condition, mutex));
}

EXPORT int pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *deadline) {
    if (!probe.watching)
        return REAL(pthread_cond_timedwait)(condition, mutex, deadline);
    return CONDITION(condition, mutex, REAL(pthread_cond_timedwait)(condition, mutex, deadline));
}

EXPORT int pthread_cond_clockwait(pthread_cond_t *condition, pthread_mutex_t *mutex, clockid_t clock,
                                  const struct timespec *deadline) {
    if (!probe.watching)
        return REAL(pthread_cond_clockwait)(condition, mutex, clock, deadline);
    return CONDITION(condition, mutex, REAL(pthread_cond_clockwait)(condition, mutex, clock, deadline));
}

/* glibc's own layout, and its own first look: waiters are counted above three bits of flags. */
#define COND_WAITERS_SHIFT 3

static inline bool cond_is_awaited(const pthread_cond_t *condition) {
    return __atomic_load_n(&condition->__data.__wrefs, __ATOMIC_RELAXED) >> COND_WAITERS_SHIFT != 0;
}

EXPORT int pthread_cond_signal(pthread_cond_t *condition) {
    if (!trace_is_on() || !cond_is_awaited(condition))
        return REAL(pthread_cond_signal)(condition);
    return WAKING(condition, REAL(pthread_cond_signal)(condition));
}

EXPORT int pthread_cond_broadcast(pthread_cond_t *condition) {
    if (!trace_is_on() || !cond_is_awaited(condition))
        return REAL(pthread_cond_broadcast)(condition);
    return WAKING(condition, REAL(pthread_cond_broadcast)(condition));
}

void locks_init(void) {
    mutex_lock_free = real.pthread_mutex_lock;
    mutex_unlock_alone = real.pthread_mutex_unlock;
    rwlock_rdlock_free = real.pthread_rwlock_rdlock;
    rwlock_unlock_alone = real.pthread_rwlock_unlock;
}
