#include "probe/handler/heap.h"

#include "probe/handler/buckets.h"
#include "probe/handler/capture.h"
#include "probe/handler/thread.h"
#include "probe/handler/trace.h"

/* Sizes beyond this are counted down as this: keeps the countdown far from overflow. */
#define HEAP_DISTANCE_MAX ((int64_t)1 << 60)

/* Natural logarithm of x in (0, 1], without libm: exponent from the bits, mantissa by the series of
 * ln(m) = 2 atanh((m - 1) / (m + 1)); |error| < 1e-6 for m in [1, 2), ample for a sampling distance. */
static double natural_log(double x) {
    union {
        double value;
        uint64_t bits;
    } pun = {.value = x};
    int exponent = (int)(pun.bits >> 52 & 0x7ff) - 1023;
    pun.bits = (pun.bits & 0xfffffffffffffull) | 0x3ff0000000000000ull;
    double z = (pun.value - 1) / (pun.value + 1), square = z * z;
    double series = 1 + square * (1.0 / 3 + square * (1.0 / 5 + square * (1.0 / 7 + square * (1.0 / 9 + square / 11))));
    return exponent * 0.69314718055994530942 + 2 * z * series;
}

/* Distance to the next sample: exponentially distributed with the rate as mean, so that each byte has the same chance
 * (runtime/malloc.go, nextSample). */
static int64_t next_distance(uint64_t rate) {
    if (rate <= 1)
        return 0;
    double uniform = (double)((probe_random() >> 11) + 1) * 0x1p-53;
    double distance = -natural_log(uniform) * (double)rate;
    return distance < (double)HEAP_DISTANCE_MAX ? (int64_t)distance : HEAP_DISTANCE_MAX;
}

/* The first countdown of a thread is random too: without it every thread's first bytes would be a sample. */
static bool first_countdown(uint64_t size, uint64_t rate) {
    thread_attach();
    if (!probe_thread.random)
        probe_random();
    probe_thread.heap_countdown = next_distance(rate) - (int64_t)size;
    return rate > 1 && probe_thread.heap_countdown >= 0;
}

/* Bytes that a sampled object stands for: one of this size is met with probability 1 - exp(-size / rate). exp by its
 * series at a 1024th of the exponent, squared ten times; |relative error| < 1e-5. */
static uint64_t stands_for(uint64_t size, uint64_t rate) {
    if (rate <= 1 || size / rate >= 16)
        return size;
    double part = (double)size / (double)rate / 1024, power = 1 - part + part * part / 2 - part * part * part / 6;
    for (int i = 0; i < 10; i++)
        power *= power;
    return (uint64_t)((double)size / (1 - power));
}

/* At most once a millisecond: with a rate of 1 each allocation would tell. */
static void tell_trace(void) {
    static uint64_t told_ticks;
    uint64_t now = trace_ticks(), told = __atomic_load_n(&told_ticks, __ATOMIC_RELAXED);
    if (now - told < 50 * probe.trace_brief_ticks ||
        !__atomic_compare_exchange_n(&told_ticks, &told, now, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        return;
    int64_t bytes = (int64_t)__atomic_load_n(&probe.segment->counters.heap_in_use, __ATOMIC_RELAXED);
    trace_record((struct segment_trace_record){
        .kind = SEGMENT_TRACE_HEAP, .begin = now, .value = bytes > 0 ? (uint64_t)bytes : 0});
}

void heap_sample(void *object, size_t size, const struct unwind_registers *caller) {
    uint64_t rate = probe.mem_profile_rate;
    size += !size;
    if (size > (uint64_t)HEAP_DISTANCE_MAX || probe_thread.own || !rate)
        return;
    if (!probe_thread.heap_started) {
        probe_thread.heap_started = true;
        if (first_countdown(size, rate))
            return;
    }
    probe_thread.heap_countdown = next_distance(rate);
    if (!object)
        return;
    uint64_t cost = probe_cost_begin();
    uint32_t bucket = buckets_add_alloc(capture_stack(caller), size, rate);
    struct live_object live = {.bucket = bucket, .size = size};
    if (bucket != UINT32_MAX)
        counter_add(&probe.segment->counters.heap_in_use, stands_for(size, rate));
    if (trace_is_on())
        tell_trace();
    if (bucket != UINT32_MAX && !live_put((uintptr_t)object, live))
        heap_freed(&live);
    probe_cost_end(cost);
}

void heap_freed(const struct live_object *object) {
    uint64_t rate = __atomic_load_n(&probe.tables.heap[object->bucket].rate, __ATOMIC_RELAXED);
    buckets_add_free(object->bucket, object->size);
    __atomic_fetch_sub(&probe.segment->counters.heap_in_use, stands_for(object->size, rate), __ATOMIC_RELAXED);
    if (trace_is_on())
        tell_trace();
}
