#include "probe/handler/probe.h"

#include <time.h>

struct probe probe;
__thread struct probe_thread probe_thread __attribute__((tls_model("initial-exec")));

static uint64_t read_clock(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t probe_now_ns(void) {
    return read_clock(CLOCK_MONOTONIC);
}

uint64_t probe_now_coarse_ns(void) {
    return read_clock(CLOCK_MONOTONIC_COARSE);
}
