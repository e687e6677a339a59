/* Who woke whom: returns from waits are matched with the wakes that brought them about. Private to the trace layer.
 *
 * A wake says what it lets go on, not whom, so it is known only when a waiter returns: the newest wake of another thread
 * on the waiter's object since it blocked. A mutex may be stolen between, then an older wake came to nothing. */
#ifndef PIKO_TRACE_WAKES_H
#define PIKO_TRACE_WAKES_H

#include "base/key_set.h"
#include "trace/queue.h"
#include "trace/thread.h"

struct wake {
    uint64_t time_ns;
    uint64_t stack;
    uint32_t thread;
    uint32_t index;     /* of its event; QUEUE_NONE: it was in an earlier generation */
    bool is_waited_for; /* used by wakes_end() */
};

struct wait {
    uint64_t object; /* 0 = it does not wait for a thing that has wakes */
    uint64_t since_ns;
};

/* A return whose wake was in an earlier generation. */
struct old_wake {
    uint32_t waiter, waker; /* tids */
    uint64_t object, stack;
};

struct wakes {
    struct key_set objects, tids;
    struct wake *newest; /* by index of the object */
    struct wait *waits;  /* by index of the tid */
    uint32_t newest_space, waits_space;
    struct old_wake *old;
    uint32_t n_old, old_space;
};

void wakes_done(struct wakes *wakes);

/* Link the wakes of the first n events of a sorted queue with their returns (struct queued, woken), and list in `old` the
 * returns that go back to an earlier call. 0 or -ENOMEM. */
int wakes_match(struct wakes *wakes, struct queue *queue, uint32_t n);

/* Forget what no waiter can go back to any more, and that events had indexes. */
void wakes_end(struct wakes *wakes, const struct trace_threads *threads);

#endif
