#include "trace/trace.h"

/* `go tool trace` sorts waits by these words: "network" goes to the network profile, what holds "sync" to the one of
 * synchronisation. Each is a column of its own in a thread's page, so there are few. */
static const char *const texts[TRACE_N_REASONS] = {
    [TRACE_MUTEX] = "sync (mutex)",
    [TRACE_RWLOCK] = "sync (rwlock)",
    [TRACE_COND] = "sync (cond wait)",
    [TRACE_SEMAPHORE] = "sync (semaphore)",
    [TRACE_BARRIER] = "sync (barrier)",
    [TRACE_JOIN] = "sync (thread join)",
    [TRACE_FUTEX] = "sync (futex)",
    [TRACE_NETWORK] = "network",
    [TRACE_SLEEP] = "sleep",
    [TRACE_CHILD] = "child process",
    [TRACE_OTHER] = "other",
};

const char *trace_reason_text(enum trace_reason reason) {
    return (unsigned)reason < TRACE_N_REASONS ? texts[reason] : NULL;
}
