#include "probe/handler/waits.h"

#include "probe/handler/buckets.h"
#include "probe/handler/capture.h"
#include "probe/handler/probe.h"

#define ONE_Q16 ((uint64_t)1 << 16)

static void record_block(uint32_t stack, const void *lock, const struct unwind_registers *caller, uint64_t count_q16,
                         uint64_t ns) {
    uint64_t cost = probe_cost_begin();
    buckets_add_block(stack ? stack : capture_stack(caller), lock, count_q16, ns);
    probe_cost_end(cost);
}

void waits_record_block(uint64_t duration_ns, const void *lock, const struct unwind_registers *caller, uint32_t stack) {
    uint64_t rate = probe.block_rate_ns;
    if (!rate || probe_thread.own)
        return;
    duration_ns += !duration_ns;
    if (duration_ns >= rate)
        record_block(stack, lock, caller, ONE_Q16, duration_ns);
    else if (probe_random() % rate < duration_ns)
        record_block(stack, lock, caller, rate * ONE_Q16 / duration_ns, rate);
}

void waits_record_mutex(uint64_t delay_ns, const void *lock, const struct unwind_registers *caller, uint32_t stack) {
    uint32_t fraction = probe.mutex_fraction;
    if (!fraction || !delay_ns || probe_thread.own || (fraction > 1 && probe_random() % fraction != 0))
        return;
    uint64_t cost = probe_cost_begin();
    buckets_add_mutex(stack ? stack : capture_stack(caller), lock, fraction * ONE_Q16, fraction * delay_ns);
    probe_cost_end(cost);
}
