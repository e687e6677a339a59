#include "probe/handler/probe.h"

#include <time.h>

struct probe probe;
__thread struct probe_thread probe_thread __attribute__((tls_model("initial-exec")));

uint64_t probe_now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}
