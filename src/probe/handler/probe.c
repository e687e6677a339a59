#include "probe/handler/probe.h"

#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct probe probe;
__thread struct probe_thread probe_thread __attribute__((tls_model("initial-exec")));

bool probe_is_another_process(void) {
    return probe.pid && probe.pid != (uint32_t)syscall(SYS_getpid);
}

uint64_t probe_now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}
