#include "probe/control/fork.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>

#include "probe/handler/probe.h"
#include "probe/handler/timers.h"
#include "probe/handler/unwind.h"

static __thread sigset_t mask_before __attribute__((tls_model("initial-exec")));

static void before_fork(void) {
    sigset_t ours;
    sigemptyset(&ours);
    sigaddset(&ours, timers_signal);
    pthread_sigmask(SIG_BLOCK, &ours, &mask_before);
}

static void after_fork_in_parent(void) {
    pthread_sigmask(SIG_SETMASK, &mask_before, NULL);
}

/* The kernel gives a child no timers. Its copy of the segment is not read by anybody. */
static void after_fork_in_child(void) {
    probe.watching = 0;
    probe.mem_profile_rate = probe.block_rate_ns = probe.cpu_period_ns = 0;
    probe.mutex_fraction = 0;
    probe_thread.record = NULL;
    unwind_reset_after_fork();
    pthread_sigmask(SIG_SETMASK, &mask_before, NULL);
}

void fork_init(void) {
    static bool done;
    if (!done)
        done = pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child) == 0;
}
