#include "probe/handler/live.h"

#include "probe/handler/probe.h"

uint8_t live_filter[LIVE_FILTER_BYTES];

/* Neighbours in memory are neighbours in the table: a region of the heap has a group of slots, so that the table takes as
 * many pages as there are samples to hold, where a hash over all of it touches a new one with each (24 MiB in the end, and
 * half of what a sample cost). Regions are as large as to fill an eighth of a group, since several may have the same. */
#define GROUP_SLOTS 128u
#define GROUP_SAMPLES (GROUP_SLOTS / 8)
#define HASH_FACTOR 0x9e3779b97f4a7c15ull

static uint32_t region_shift; /* A; 0 = nothing was put yet. Stays: lookups go by it */

/* By the sampling rate of the first object that is put. */
static void choose_region_shift(void) {
    uint32_t none = 0, shift = 4; /* 16 bytes: no two objects are closer */
    while (shift < 40 && probe.mem_profile_rate * GROUP_SAMPLES >> shift > 1)
        shift++;
    __atomic_compare_exchange_n(&region_shift, &none, shift, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

static uint32_t live_hash(uintptr_t address, uint32_t shift) {
    uint32_t group = (uint32_t)((address >> shift) * HASH_FACTOR >> 32);
    return group * GROUP_SLOTS + (uint32_t)((address >> 4) * HASH_FACTOR >> 57) % GROUP_SLOTS;
}

static void filter_add(uintptr_t address) {
    uint8_t *count = live_filter_of(address), seen = __atomic_load_n(count, __ATOMIC_RELAXED);
    while (seen != UINT8_MAX &&
           !__atomic_compare_exchange_n(count, &seen, (uint8_t)(seen + 1), true, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    }
}

static void filter_remove(uintptr_t address) {
    uint8_t *count = live_filter_of(address), seen = __atomic_load_n(count, __ATOMIC_RELAXED);
    while (seen != 0 && seen != UINT8_MAX &&
           !__atomic_compare_exchange_n(count, &seen, (uint8_t)(seen - 1), true, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    }
}

static struct segment_live *slot_at(uint32_t hash, uint32_t i) {
    return &probe.tables.live[(hash + i) & (SEGMENT_LIVE_SLOTS - 1)];
}

#define LIVE_CLAIMED 1u /* no object lives at address 1: marks a slot whose other fields are being written */

bool live_put(uintptr_t address, struct live_object object) {
    if (unlikely(!__atomic_load_n(&region_shift, __ATOMIC_RELAXED)))
        choose_region_shift();
    uint32_t hash = live_hash(address, __atomic_load_n(&region_shift, __ATOMIC_RELAXED));
    for (uint32_t i = 0; i < SEGMENT_LIVE_PROBES; i++) {
        struct segment_live *slot = slot_at(hash, i);
        uint64_t free_slot = 0;
        if (__atomic_load_n(&slot->address, __ATOMIC_RELAXED) != 0 ||
            !__atomic_compare_exchange_n(&slot->address, &free_slot, LIVE_CLAIMED, false, __ATOMIC_ACQUIRE,
                                         __ATOMIC_RELAXED))
            continue;
        slot->bucket = object.bucket;
        slot->size = object.size;
        filter_add(address);
        __atomic_store_n(&slot->address, address, __ATOMIC_RELEASE);
        return true;
    }
    counter_add(&probe.segment->counters.lost_live, 1);
    return false;
}

bool live_take(uintptr_t address, struct live_object *ret) {
    uint32_t shift = __atomic_load_n(&region_shift, __ATOMIC_RELAXED);
    if (!probe.segment || probe.inherited || !shift)
        return false;
    uint32_t hash = live_hash(address, shift);
    for (uint32_t i = 0; i < SEGMENT_LIVE_PROBES; i++) {
        struct segment_live *slot = slot_at(hash, i);
        if (__atomic_load_n(&slot->address, __ATOMIC_ACQUIRE) != address)
            continue;
        *ret = (struct live_object){.bucket = slot->bucket, .size = slot->size};
        __atomic_store_n(&slot->address, 0, __ATOMIC_RELEASE);
        filter_remove(address);
        return true;
    }
    return false;
}

void live_mark(uintptr_t address) {
    __atomic_store_n(live_filter_of(address), UINT8_MAX, __ATOMIC_RELAXED);
}
