#include "probe/handler/stacks.h"

#include "probe/handler/probe.h"

/* A multiply-xorshift over the words; the table is keyed by 32 bits of it and compares the words themselves. */
static uint32_t hash_stack(const uint64_t *pcs, unsigned n, bool truncated) {
    uint64_t hash = 0x9e3779b97f4a7c15ull + n * 2u + truncated;
    for (unsigned i = 0; i < n; i++) {
        hash ^= pcs[i];
        hash *= 0xff51afd7ed558ccdull;
        hash ^= hash >> 32;
    }
    return (uint32_t)hash | 1; /* never 0, so that no packed slot is 0 */
}

static bool same_stack(const uint64_t *words, const uint64_t *pcs, unsigned n, uint16_t flags) {
    const struct segment_stack *head = (const struct segment_stack *)words;
    if (head->n_frames != n || head->flags != flags)
        return false;
    for (unsigned i = 0; i < n; i++)
        if (words[1 + i] != pcs[i])
            return false;
    return true;
}

/* Copy the stack to the end of the word array; its id, or 0 when there is no room. */
static uint32_t store_stack(const uint64_t *pcs, unsigned n, uint16_t flags, uint32_t hash) {
    struct segment_counters *counters = &probe.segment->counters;
    if (__atomic_load_n(&counters->stacks, __ATOMIC_RELAXED) >= SEGMENT_STACKS_MAX)
        return 0;
    uint64_t at = __atomic_fetch_add(&counters->stack_words, n + 1u, __ATOMIC_RELAXED);
    if (at + n + 1 > SEGMENT_STACK_WORDS) {
        __atomic_fetch_sub(&counters->stack_words, n + 1u, __ATOMIC_RELAXED);
        return 0;
    }
    uint64_t *words = probe.tables.stack_words + at;
    *(struct segment_stack *)words = (struct segment_stack){.n_frames = (uint16_t)n, .flags = flags, .hash = hash};
    for (unsigned i = 0; i < n; i++)
        words[1 + i] = pcs[i];
    return (uint32_t)at + 1;
}

uint32_t stacks_intern(const uint64_t *pcs, unsigned n, bool truncated) {
    uint16_t flags = truncated ? SEGMENT_STACK_TRUNCATED : 0;
    uint32_t hash = hash_stack(pcs, n, truncated), fresh = 0;
    for (unsigned probe_index = 0; probe_index < SEGMENT_STACK_PROBES; probe_index++) {
        segment_stack_slot *slot = &probe.tables.stack_slots[(hash + probe_index) & (SEGMENT_STACK_SLOTS - 1)];
        uint64_t packed = __atomic_load_n(slot, __ATOMIC_ACQUIRE);
        if (packed == 0) {
            if (!fresh && !(fresh = store_stack(pcs, n, flags, hash)))
                break;
            uint64_t wanted = (uint64_t)hash << 32 | fresh;
            if (__atomic_compare_exchange_n(slot, &packed, wanted, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
                counter_add(&probe.segment->counters.stacks, 1);
                return fresh;
            }
        }
        uint32_t id = (uint32_t)packed;
        if (packed >> 32 == hash && same_stack(probe.tables.stack_words + id - 1, pcs, n, flags))
            return id;
    }
    counter_add(&probe.segment->counters.stacks_lost, 1);
    return 0;
}
