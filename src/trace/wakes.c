#include "trace/wakes.h"

#include "base/grow.h"

#define TIMED_OUT 1u /* TRACE_UNBLOCK's value */

void wakes_done(struct wakes *wakes) {
    key_set_done(&wakes->objects);
    key_set_done(&wakes->tids);
    free(wakes->newest);
    free(wakes->waits);
    free(wakes->old);
    *wakes = (struct wakes){0};
}

static int note_wait(struct wakes *wakes, uint32_t tid, struct wait wait) {
    if (grow_array(&wakes->waits, &wakes->waits_space, wakes->tids.n, sizeof *wakes->waits))
        return -ENOMEM;
    uint32_t index = key_set_add(&wakes->tids, tid);
    if (index == HASH_NONE)
        return -ENOMEM;
    wakes->waits[index] = wait;
    return 0;
}

static int note_wake(struct wakes *wakes, const struct trace_event *event, uint32_t event_index) {
    if (grow_array(&wakes->newest, &wakes->newest_space, wakes->objects.n, sizeof *wakes->newest))
        return -ENOMEM;
    uint32_t index = key_set_add(&wakes->objects, event->object);
    if (index == HASH_NONE)
        return -ENOMEM;
    wakes->newest[index] = (struct wake){event->time_ns, event->stack, event->thread, event_index, false};
    return 0;
}

static int note_old(struct wakes *wakes, const struct wake *wake, const struct trace_event *event, uint64_t object) {
    if (grow_array(&wakes->old, &wakes->old_space, wakes->n_old, sizeof *wakes->old))
        return -ENOMEM;
    wakes->old[wakes->n_old++] = (struct old_wake){event->thread, wake->thread, object, wake->stack};
    return 0;
}

static int match(struct wakes *wakes, struct queue *queue, uint32_t event_index) {
    struct queued *queued = &queue->events[event_index];
    uint32_t tid = key_set_find(&wakes->tids, queued->event.thread);
    if (tid == HASH_NONE || !wakes->waits[tid].object)
        return 0;
    struct wait wait = wakes->waits[tid];
    wakes->waits[tid].object = 0;
    uint32_t object = queued->event.value == TIMED_OUT ? HASH_NONE : key_set_find(&wakes->objects, wait.object);
    if (object == HASH_NONE)
        return 0;
    const struct wake *wake = &wakes->newest[object];
    if (wake->time_ns < wait.since_ns || wake->thread == queued->event.thread)
        return 0;
    if (wake->index == QUEUE_NONE)
        return note_old(wakes, wake, &queued->event, wait.object);
    queued->woken = queue->events[wake->index].woken;
    queue->events[wake->index].woken = event_index;
    return 0;
}

static int look_at(struct wakes *wakes, struct queue *queue, uint32_t event_index) {
    const struct trace_event *event = &queue->events[event_index].event;
    switch (event->kind) {
    case TRACE_BLOCK:
        return note_wait(wakes, event->thread, (struct wait){event->object, event->time_ns});
    case TRACE_STATE:
        if (event->reason < TRACE_MUTEX)
            return 0;
        return note_wait(wakes, event->thread,
                         (struct wait){event->object, event->value ? event->value : event->time_ns});
    case TRACE_UNBLOCK:
        return match(wakes, queue, event_index);
    case TRACE_WAKE:
        return event->object ? note_wake(wakes, event, event_index) : 0;
    default:
        return 0;
    }
}

int wakes_match(struct wakes *wakes, struct queue *queue, uint32_t n) {
    wakes->n_old = 0;
    int error = 0;
    for (uint32_t i = 0; i < n && !error; i++)
        error = look_at(wakes, queue, queue->order[queue->first + i].index);
    return error;
}

/* Waits that are still under way, of threads that still live. */
static void keep_waits(struct wakes *wakes, const struct trace_threads *threads) {
    uint32_t n = wakes->tids.n, kept = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (!wakes->waits[i].object || !trace_threads_find(threads, (uint32_t)wakes->tids.keys[i]))
            continue;
        wakes->tids.keys[kept] = wakes->tids.keys[i];
        wakes->waits[kept++] = wakes->waits[i];
    }
    key_set_keep(&wakes->tids, kept);
}

void wakes_end(struct wakes *wakes, const struct trace_threads *threads) {
    keep_waits(wakes, threads);
    for (uint32_t i = 0; i < wakes->tids.n; i++) {
        uint32_t object = key_set_find(&wakes->objects, wakes->waits[i].object);
        if (object != HASH_NONE)
            wakes->newest[object].is_waited_for = true;
    }
    uint32_t n = wakes->objects.n, kept = 0;
    for (uint32_t i = 0; i < n; i++) {
        struct wake wake = wakes->newest[i];
        if (!wake.is_waited_for)
            continue;
        wake.is_waited_for = false;
        wake.index = QUEUE_NONE;
        wakes->objects.keys[kept] = wakes->objects.keys[i];
        wakes->newest[kept++] = wake;
    }
    key_set_keep(&wakes->objects, kept);
}
