#include "probe/handler/strings.h"

#include "probe/handler/probe.h"

/* FNV-1a (http://www.isthe.com/chongo/tech/comp/fnv/): names are short. */
static uint32_t hash_string(const char *text, uint32_t length) {
    uint32_t hash = 2166136261u;
    for (uint32_t i = 0; i < length; i++)
        hash = (hash ^ (uint8_t)text[i]) * 16777619u;
    return hash;
}

static bool same_string(uint32_t id, const char *text, uint32_t length) {
    const uint8_t *stored = probe.tables.string_bytes + id - 1;
    if (stored[0] != length)
        return false;
    for (uint32_t i = 0; i < length; i++)
        if (stored[1 + i] != (uint8_t)text[i])
            return false;
    return true;
}

static uint32_t store_string(const char *text, uint32_t length) {
    uint64_t *used = &probe.segment->counters.string_bytes;
    uint64_t at = __atomic_fetch_add(used, length + 1u, __ATOMIC_RELAXED);
    if (at + length + 1 > SEGMENT_STRING_BYTES) {
        __atomic_fetch_sub(used, length + 1u, __ATOMIC_RELAXED);
        return 0;
    }
    uint8_t *to = probe.tables.string_bytes + at;
    to[0] = (uint8_t)length;
    for (uint32_t i = 0; i < length; i++)
        to[1 + i] = (uint8_t)text[i];
    return (uint32_t)at + 1;
}

uint32_t strings_intern(const char *text) {
    uint32_t length = 0;
    while (text && text[length] && length < SEGMENT_STRING_LENGTH_MAX)
        length++;
    return strings_intern_bytes(text, length);
}

uint32_t strings_intern_bytes(const void *bytes, uint32_t length) {
    const char *text = bytes;
    uint32_t hash = hash_string(text, length), fresh = 0;
    if (!length)
        return 0;
    for (uint32_t i = 0; i < SEGMENT_STRING_PROBES; i++) {
        segment_string_slot *slot = &probe.tables.string_slots[(hash + i) & (SEGMENT_STRING_SLOTS - 1)];
        uint64_t packed = __atomic_load_n(slot, __ATOMIC_ACQUIRE);
        if (packed == 0) {
            if (!fresh && !(fresh = store_string(text, length)))
                break;
            uint64_t wanted = (uint64_t)hash << 32 | fresh;
            if (__atomic_compare_exchange_n(slot, &packed, wanted, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
                return fresh;
        }
        if (packed >> 32 == hash && same_string((uint32_t)packed, text, length))
            return (uint32_t)packed;
    }
    counter_add(&probe.segment->counters.lost_strings, 1);
    return 0;
}

uint32_t strings_read(uint32_t id, void *ret, uint32_t max) {
    if (!id || id >= SEGMENT_STRING_BYTES)
        return 0;
    const uint8_t *stored = probe.tables.string_bytes + id - 1;
    uint32_t length = stored[0];
    if (length > max || id + length > SEGMENT_STRING_BYTES)
        return 0;
    for (uint32_t i = 0; i < length; i++)
        ((uint8_t *)ret)[i] = stored[1 + i];
    return length;
}
