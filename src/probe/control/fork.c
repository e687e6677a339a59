#include "probe/control/fork.h"

#include <pthread.h>
#include <stdbool.h>
#include <unistd.h>

#include "probe/control/control.h"
#include "probe/control/modules.h"
#include "probe/control/sampler.h"
#include "probe/handler/probe.h"
#include "probe/handler/timers.h"
#include "probe/handler/trace.h"
#include "probe/handler/unwind.h"
#include "probe/handler/waiters.h"

static __thread bool was_blocked __attribute__((tls_model("initial-exec")));
static __thread bool modules_are_whole __attribute__((tls_model("initial-exec")));

static void before_fork(void) {
    was_blocked = timers_block_signal();
    modules_are_whole = modules_before_fork();
}

/* Ours alone: other handlers may have changed the mask of the others, and mean it. */
static void let_signal_in(void) {
    if (!was_blocked)
        timers_unblock_signal();
}

static void after_fork_in_parent(void) {
    modules_after_fork();
    let_signal_in();
}

/* The kernel gives a child no timers and no threads but this one. The segment tells of its parent, and may be the very same
 * memory: what the child frees is alive there. What another thread was about to do to the rest of our state is half done, so
 * all of it is forgotten. */
static void after_fork_in_child(void) {
    probe.pid = (uint32_t)getpid();
    probe.actions_change = 0;
    probe.inherited = 1;
    probe.watching = 0;
    probe.mem_profile_rate = probe.block_rate_ns = probe.cpu_period_ns = 0;
    probe.mutex_fraction = probe.to_the_end = 0;
    probe.save = NULL;
    probe.tables_asked_ns = 0;
    probe_thread.record = NULL;
    probe_thread.tid = 0;
    control_reset_after_fork();
    sampler_reset_after_fork();
    modules_reset_after_fork(modules_are_whole);
    trace_reset_after_fork();
    waiters_reset_after_fork();
    unwind_reset_after_fork();
    let_signal_in();
}

void fork_init(void) {
    static bool done;
    if (!done)
        done = pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child) == 0;
}
