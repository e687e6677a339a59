/* The clock of trace records, the same on both sides: the CPU's time stamp counter where all CPUs count alike, which costs
 * 10 ns to read where clock_gettime() takes 23. */
#ifndef PIKO_SEGMENT_TICKS_H
#define PIKO_SEGMENT_TICKS_H

#include <stdint.h>

#ifdef __x86_64__
#include <x86intrin.h>

/* Not serialised: may be read some instructions early, by nanoseconds. */
static inline uint64_t ticks_tsc(void) {
    return __rdtsc();
}
#else
/* Never called: SEGMENT_TRACE_CLOCK_MONOTONIC is what everybody else has. */
static inline uint64_t ticks_tsc(void) {
    return 0;
}
#endif

#endif
