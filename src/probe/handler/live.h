/* Sampled objects that are alive, by address, with a byte filter before the table: free() rules an address out with one
 * load (capture facts: 1.17 x bare glibc with it, 6.9 x without).
 *
 * A slot is written by the thread that allocated and cleared by the one that frees; the program itself orders the two.
 * Lookups scan a fixed window, so that clearing a slot needs no tombstone. */
#ifndef PIKO_PROBE_HANDLER_LIVE_H
#define PIKO_PROBE_HANDLER_LIVE_H

#include <stdbool.h>
#include <stdint.h>

#define LIVE_FILTER_BYTES (1u << 16)

struct live_object {
    uint32_t bucket;
    uint64_t size;
};

/* Counts of live objects by address; 255 sticks. */
extern uint8_t live_filter[LIVE_FILTER_BYTES];

/* Neighbours share a byte, so that a heap of a few MB has its bytes in a few cache lines (a hash would spread them over all
 * 64 KiB, more than fits beside the program's own data); blocks of 256 bytes make false alarms rare all the same. */
static inline uint8_t *live_filter_of(uintptr_t address) {
    return &live_filter[address >> 8 & (LIVE_FILTER_BYTES - 1)];
}

/* Whether the address may be a sampled object: one load. */
static inline bool live_maybe(uintptr_t address) {
    return __atomic_load_n(live_filter_of(address), __ATOMIC_RELAXED) != 0;
}

/* Follow an object. False when there is no room (counted as lost_live). */
bool live_put(uintptr_t address, struct live_object object);
/* Stop following it; false when it is not followed. Called before the memory is given back. */
bool live_take(uintptr_t address, struct live_object *ret);
/* Make live_maybe(address) true for ever: for memory that never came from an allocator. */
void live_mark(uintptr_t address);

#endif
