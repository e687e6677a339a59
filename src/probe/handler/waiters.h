/* Who waits for which contended lock, for the mutex profile: a wait is charged to the unlocks that end the critical
 * sections during which it lasted, whoever gets the lock next. (A holder that keeps a lock 100 ms while 3 threads wait
 * is charged 300 ms, though its unlock lets only one of them in.)
 *
 * An entry packs the number of waiters with the sum of their start times, modulo 2^54 ns: at an unlock at time t the
 * waiting since the last unlock is waiters * t - sum, right as long as that is below 208 days. One CAS an operation. */
#ifndef PIKO_PROBE_HANDLER_WAITERS_H
#define PIKO_PROBE_HANDLER_WAITERS_H

#include <stdbool.h>
#include <stdint.h>

#define WAITERS_FILTER_BYTES 4096u

struct waiters_entry;

struct waiter {
    struct waiters_entry *entry; /* NULL: not registered (table full around this lock) */
    uint64_t start_ns;
};

extern uint8_t waiters_filter[WAITERS_FILTER_BYTES];

static inline uint32_t waiters_hash(const void *lock) {
    uintptr_t address = (uintptr_t)lock;
    return (uint32_t)(address >> 3 ^ address >> 15) & (WAITERS_FILTER_BYTES - 1);
}

/* Whether a thread may be waiting for this lock: one load. */
static inline bool waiters_maybe(const void *lock) {
    return __atomic_load_n(&waiters_filter[waiters_hash(lock)], __ATOMIC_RELAXED) != 0;
}

/* Before the wait, after it (whether or not the lock was had). */
struct waiter waiters_enter(const void *lock, uint64_t now_ns);
void waiters_leave(struct waiter waiter, const void *lock);

/* By the holder, before it unlocks: nanoseconds waited, over all waiters, since the lock's last unlock; 0 = none. */
uint64_t waiters_unlocking(const void *lock, uint64_t now_ns);

/* In the child of a fork, where nobody waits. */
void waiters_reset_after_fork(void);

#endif
