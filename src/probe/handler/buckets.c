#include "probe/handler/buckets.h"

#include "probe/handler/probe.h"

/* A multiplication spreads upwards alone: what tells keys apart at their upper end is brought down first. */
static uint32_t mix(uint64_t key) {
    key ^= key >> 32;
    key *= 0x9e3779b97f4a7c15ull;
    return (uint32_t)(key >> 32);
}

/* Claim or find the slot of a table whose key field is `key`; keys are set once and never change. */
#define FIND_BUCKET(table, n_buckets, wanted_key)                                                                      \
    ({                                                                                                                 \
        __typeof__(table) found_ = NULL;                                                                               \
        uint64_t wanted_ = (wanted_key);                                                                               \
        for (uint32_t i_ = 0, at_ = mix(wanted_); i_ < SEGMENT_BUCKET_PROBES; i_++, at_++) {                           \
            __typeof__(table) bucket_ = &(table)[at_ & ((n_buckets)-1)];                                               \
            uint64_t key_ = __atomic_load_n(&bucket_->key, __ATOMIC_ACQUIRE);                                          \
            if (key_ == 0)                                                                                             \
                probe_use(bucket_);                                                                                    \
            if (key_ == 0 &&                                                                                           \
                __atomic_compare_exchange_n(&bucket_->key, &key_, wanted_, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) \
                key_ = wanted_;                                                                                        \
            if (key_ == wanted_) {                                                                                     \
                found_ = bucket_;                                                                                      \
                break;                                                                                                 \
            }                                                                                                          \
        }                                                                                                              \
        found_;                                                                                                        \
    })

void buckets_add_cpu(uint64_t key, const struct segment_thread *record, uint64_t samples, uint64_t ns) {
    struct segment_cpu_bucket *bucket =
        segment_key_stack(key) ? FIND_BUCKET(probe.tables.cpu, SEGMENT_CPU_BUCKETS, key) : NULL;
    struct segment_counters *counters = &probe.segment->counters;
    if (!bucket) {
        counter_add(&counters->lost_cpu, samples);
        counter_add(&counters->lost_cpu_ns, ns);
        return;
    }
    bucket->thread = (uint32_t)(record - probe.tables.threads);
    counter_add(&bucket->count, samples);
    counter_add(&bucket->ns, ns);
}

/* Eight classes to a doubling: sizes of one class differ by at most an eighth, so that the class's mean stands for each
 * when the reader unsamples. Below 16 each size is a class of its own. */
static uint32_t size_class(uint64_t size) {
    if (size < 16)
        return (uint32_t)size;
    uint32_t log2 = 63u - (uint32_t)__builtin_clzll(size);
    return log2 * 8 + (uint32_t)(size >> (log2 - 3) & 7);
}

/* Whether the field is `wanted`, or was free and is now. Most often it is: a look costs less than a claim. */
static bool claim(uint64_t *field, uint64_t wanted) {
    uint64_t seen = __atomic_load_n(field, __ATOMIC_ACQUIRE);
    return seen == wanted || (seen == 0 && (__atomic_compare_exchange_n(field, &seen, wanted, false, __ATOMIC_ACQ_REL,
                                                                        __ATOMIC_ACQUIRE) ||
                                            seen == wanted));
}

uint32_t buckets_add_alloc(uint32_t stack_id, uint64_t size, uint64_t rate) {
    uint64_t key = stack_id | (uint64_t)(size_class(size) + 1) << 32;
    for (uint32_t i = 0, at = mix(key ^ rate << 48); stack_id && i < SEGMENT_BUCKET_PROBES; i++, at++) {
        uint32_t index = at & (SEGMENT_HEAP_BUCKETS - 1);
        struct segment_heap_bucket *bucket = &probe.tables.heap[index];
        /* The rate is claimed first: a bucket whose rate is ours but whose key is not yet set is one that another
         * thread is about to key, with any stack; whoever sets the key first owns it. */
        probe_use(bucket);
        if (!claim(&bucket->rate, rate) || !claim(&bucket->key, key))
            continue;
        counter_add(&bucket->alloc_count, 1);
        counter_add(&bucket->alloc_bytes, size);
        return index;
    }
    counter_add(&probe.segment->counters.lost_heap, 1);
    counter_add(&probe.segment->counters.lost_heap_bytes, size);
    return UINT32_MAX;
}

void buckets_add_free(uint32_t index, uint64_t size) {
    struct segment_heap_bucket *bucket = &probe.tables.heap[index];
    __atomic_fetch_add(&bucket->free_count, 1, __ATOMIC_RELEASE);
    __atomic_fetch_add(&bucket->free_bytes, size, __ATOMIC_RELEASE);
}

/* Addresses of the locks that are told apart, by hash; claimed once, as buckets are. */
static uint64_t locks[BUCKETS_LOCKS_MAX];

/* From 1 on; 0 = one of the others. */
static uint32_t number_of_lock(uint64_t address) {
    for (uint32_t i = 0, at = mix(address); address && i < SEGMENT_BUCKET_PROBES; i++, at++)
        if (claim(&locks[at & (BUCKETS_LOCKS_MAX - 1)], address))
            return (at & (BUCKETS_LOCKS_MAX - 1)) + 1;
    return 0;
}

static bool add_wait(struct segment_wait_bucket *table, uint32_t stack_id, const void *lock, uint64_t count_q16,
                     uint64_t ns) {
    uint64_t address = (uint64_t)(uintptr_t)lock, number = stack_id ? number_of_lock(address) : 0;
    struct segment_wait_bucket *bucket =
        stack_id ? FIND_BUCKET(table, SEGMENT_WAIT_BUCKETS, stack_id | number << 32) : NULL;
    if (!bucket)
        return false;
    if (number)
        __atomic_store_n(&bucket->lock, address, __ATOMIC_RELAXED);
    counter_add(&bucket->count_q16, count_q16);
    counter_add(&bucket->ns, ns);
    return true;
}

void buckets_add_block(uint32_t stack_id, const void *lock, uint64_t count_q16, uint64_t ns) {
    if (add_wait(probe.tables.block, stack_id, lock, count_q16, ns))
        return;
    counter_add(&probe.segment->counters.lost_block, count_q16 >> 16);
    counter_add(&probe.segment->counters.lost_block_ns, ns);
}

void buckets_add_mutex(uint32_t stack_id, const void *lock, uint64_t count_q16, uint64_t ns) {
    if (add_wait(probe.tables.mutex, stack_id, lock, count_q16, ns))
        return;
    counter_add(&probe.segment->counters.lost_mutex, count_q16 >> 16);
    counter_add(&probe.segment->counters.lost_mutex_ns, ns);
}
