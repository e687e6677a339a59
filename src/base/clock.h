/* Clocks in nanoseconds. */
#ifndef PIKO_BASE_CLOCK_H
#define PIKO_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

#define NS_PER_S 1000000000ull
#define NS_PER_MS 1000000ull
#define NS_PER_US 1000ull

static inline uint64_t clock_ns(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

/* CLOCK_MONOTONIC: the clock of the segment and of every duration. */
static inline uint64_t clock_monotonic_ns(void) {
    return clock_ns(CLOCK_MONOTONIC);
}

/* CLOCK_REALTIME since 1970: for time_nanos alone. */
static inline uint64_t clock_realtime_ns(void) {
    return clock_ns(CLOCK_REALTIME);
}

#endif
