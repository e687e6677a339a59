#include "probe/handler/live.h"

#include "probe/handler/probe.h"

uint8_t live_filter[LIVE_FILTER_BYTES];

static uint32_t live_hash(uintptr_t address) {
    return (uint32_t)((uint64_t)(address >> 4) * 0x9e3779b97f4a7c15ull >> 32);
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
    uint32_t hash = live_hash(address);
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
    if (!probe.segment)
        return false;
    uint32_t hash = live_hash(address);
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
