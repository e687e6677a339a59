#include "probe/handler/waiters.h"

#include <stddef.h>

#define ENTRIES WAITERS_FILTER_BYTES /* locks contended at one moment; power of two */
#define PROBES 16u
#define SUM_BITS 54
#define SUM_MASK (((uint64_t)1 << SUM_BITS) - 1)
#define WAITERS_MAX 1023u /* of one lock: what is left of 64 bits */

struct waiters_entry {
    uint64_t lock;           /* A: address; kept until another lock needs the place and nobody waits */
    uint64_t packed;         /* A: waiters << 54 | sum of effective starts */
    uint64_t last_unlock_ns; /* A: written by the lock's holder before it changes `packed` */
    uint64_t reserved;
};

uint8_t waiters_filter[WAITERS_FILTER_BYTES];
static struct waiters_entry entries[ENTRIES];
static bool claimed; /* A: one of them, ever */

static struct waiters_entry *entry_at(const void *lock, uint32_t i) {
    return &entries[(waiters_hash(lock) + i) & (ENTRIES - 1)];
}

static struct waiters_entry *find(const void *lock) {
    for (uint32_t i = 0; i < PROBES; i++)
        if (__atomic_load_n(&entry_at(lock, i)->lock, __ATOMIC_ACQUIRE) == (uintptr_t)lock)
            return entry_at(lock, i);
    return NULL;
}

/* A free place, or one whose lock nobody waits for. Two waiters of a lock may claim one each: both are found first by
 * unlocks in probe order, so the second's waiters would be missed; waiters_enter looks again after it registered. */
static struct waiters_entry *claim(const void *lock) {
    __atomic_store_n(&claimed, true, __ATOMIC_RELAXED);
    for (uint32_t i = 0; i < PROBES; i++) {
        struct waiters_entry *entry = entry_at(lock, i);
        uint64_t seen = __atomic_load_n(&entry->lock, __ATOMIC_RELAXED);
        if (seen != 0 && __atomic_load_n(&entry->packed, __ATOMIC_RELAXED) != 0)
            continue;
        if (__atomic_compare_exchange_n(&entry->lock, &seen, (uintptr_t)lock, false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_RELAXED))
            return entry;
    }
    return NULL;
}

static uint64_t later(uint64_t a, uint64_t b) {
    return a > b ? a : b;
}

/* Add one waiter with its effective start, which is not before the last unlock. False when the entry is full. */
static bool add_waiter(struct waiters_entry *entry, uint64_t *start_ns) {
    uint64_t packed = __atomic_load_n(&entry->packed, __ATOMIC_ACQUIRE), wanted;
    do {
        if (packed >> SUM_BITS == WAITERS_MAX)
            return false;
        *start_ns = later(*start_ns, __atomic_load_n(&entry->last_unlock_ns, __ATOMIC_ACQUIRE));
        wanted = ((packed >> SUM_BITS) + 1) << SUM_BITS | ((packed + *start_ns) & SUM_MASK);
    } while (!__atomic_compare_exchange_n(&entry->packed, &packed, wanted, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
    return true;
}

static void remove_waiter(struct waiters_entry *entry, uint64_t start_ns) {
    uint64_t packed = __atomic_load_n(&entry->packed, __ATOMIC_ACQUIRE), wanted;
    do {
        uint64_t waiters = (packed >> SUM_BITS) - 1;
        uint64_t effective = later(start_ns, __atomic_load_n(&entry->last_unlock_ns, __ATOMIC_ACQUIRE));
        wanted = waiters ? waiters << SUM_BITS | ((packed - effective) & SUM_MASK) : 0;
    } while (!__atomic_compare_exchange_n(&entry->packed, &packed, wanted, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
}

/* The filter counts waiters; it saturates at 255, from where it sticks. */
static void filter_change(const void *lock, int by) {
    uint8_t *count = &waiters_filter[waiters_hash(lock)], seen = __atomic_load_n(count, __ATOMIC_RELAXED);
    while (seen != UINT8_MAX && (by > 0 || seen != 0) &&
           !__atomic_compare_exchange_n(count, &seen, (uint8_t)(seen + by), true, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)) {
    }
}

struct waiter waiters_enter(const void *lock, uint64_t now_ns) {
    struct waiter waiter = {.entry = NULL, .start_ns = now_ns};
    for (int attempt = 0; attempt < 4; attempt++) {
        struct waiters_entry *entry = find(lock);
        if (!entry && !(entry = claim(lock)))
            return waiter;
        if (!add_waiter(entry, &waiter.start_ns))
            return waiter;
        /* Claimed by another lock in between, or a second entry of the same lock: go back and try again. */
        if (find(lock) == entry) {
            waiter.entry = entry;
            filter_change(lock, 1);
            return waiter;
        }
        remove_waiter(entry, waiter.start_ns);
    }
    return waiter;
}

void waiters_leave(struct waiter waiter, const void *lock) {
    if (!waiter.entry)
        return;
    remove_waiter(waiter.entry, waiter.start_ns);
    filter_change(lock, -1);
}

uint64_t waiters_unlocking(const void *lock, uint64_t now_ns) {
    struct waiters_entry *entry = find(lock);
    uint64_t packed = entry ? __atomic_load_n(&entry->packed, __ATOMIC_ACQUIRE) : 0;
    if (!packed)
        return 0;
    uint64_t wanted, waiters;
    __atomic_store_n(&entry->last_unlock_ns, now_ns, __ATOMIC_RELEASE);
    do {
        waiters = packed >> SUM_BITS;
        if (!waiters)
            return 0;
        wanted = waiters << SUM_BITS | ((waiters * now_ns) & SUM_MASK);
    } while (!__atomic_compare_exchange_n(&entry->packed, &packed, wanted, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
    uint64_t delay = (waiters * now_ns - packed) & SUM_MASK;
    /* A waiter that read the clock just after the holder did makes the difference negative by nanoseconds. */
    return delay >> (SUM_BITS - 1) ? 0 : delay;
}

void waiters_reset_after_fork(void) {
    if (!claimed)
        return;
    for (uint32_t i = 0; i < ENTRIES; i++)
        if (entries[i].lock) /* pages that were never used stay so */
            entries[i] = (struct waiters_entry){0};
    for (uint32_t i = 0; i < WAITERS_FILTER_BYTES; i++)
        __atomic_store_n(&waiters_filter[i], 0, __ATOMIC_RELAXED);
}
