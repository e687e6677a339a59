#include "reader/trace_clock.h"

#include "base/clock.h"
#include "segment/ticks.h"

struct trace_clock trace_clock_now(const struct segment_trace *trace) {
    struct trace_clock clock = {.ns = clock_monotonic_ns(), .ns_per_tick = 1};
    clock.ticks = clock.ns;
    if (trace->clock != SEGMENT_TRACE_CLOCK_TSC)
        return clock;
    uint64_t before = ticks_tsc();
    clock.ns = clock_monotonic_ns();
    clock.ticks = before / 2 + ticks_tsc() / 2;
    double ticks = (double)(int64_t)(clock.ticks - trace->pair_ticks);
    double ns = (double)(int64_t)(clock.ns - trace->pair_ns);
    if (ticks > 0 && ns > 0) /* which a broken target's need not be */
        clock.ns_per_tick = ns / ticks;
    return clock;
}

/* At most a second from now: nothing is recorded in the future. */
uint64_t trace_clock_ns(const struct trace_clock *clock, uint64_t ticks) {
    double ns = (double)(int64_t)(ticks - clock->ticks) * clock->ns_per_tick;
    if (ns <= -(double)clock->ns)
        return 0;
    return ns < (double)NS_PER_S ? clock->ns + (uint64_t)(int64_t)ns : clock->ns + NS_PER_S;
}

uint64_t trace_clock_horizon(const struct segment_trace *trace) {
    return (int64_t)(trace->lost_ticks - trace->since_ticks) > 0 ? trace->lost_ticks : trace->since_ticks;
}
