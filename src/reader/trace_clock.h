/* From the ticks of trace records to nanoseconds of CLOCK_MONOTONIC. */
#ifndef PIKO_READER_TRACE_CLOCK_H
#define PIKO_READER_TRACE_CLOCK_H

#include "segment/segment.h"

struct trace_clock {
    uint64_t ticks, ns; /* a pair of readings from just now */
    double ns_per_tick;
};

/* The rate is that between the target's pair of readings and one of now: exact at both, and what was recorded a few
 * seconds ago is close to now. */
struct trace_clock trace_clock_now(const struct segment_trace *trace);

uint64_t trace_clock_ns(const struct trace_clock *clock, uint64_t ticks);

/* From where on everything is there that was recorded: ticks. */
uint64_t trace_clock_horizon(const struct segment_trace *trace);

#endif
