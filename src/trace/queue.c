#include "trace/queue.h"

#include "base/grow.h"

void queue_done(struct queue *queue) {
    free(queue->events);
    free(queue->order);
    free(queue->scratch);
    *queue = (struct queue){0};
}

int queue_add(struct queue *queue, const struct trace_event *event) {
    if (grow_array(&queue->events, &queue->space, queue->n, sizeof *queue->events) ||
        grow_array(&queue->order, &queue->order_space, queue->n_order, sizeof *queue->order))
        return -ENOMEM;
    queue->order[queue->n_order++] = (struct queue_key){event->time_ns, queue->n};
    queue->events[queue->n++] = (struct queued){*event, QUEUE_NONE};
    return 0;
}

/* End of the ascending run that begins at `from`. */
static uint32_t run_end(const struct queue_key *order, uint32_t from, uint32_t n) {
    uint32_t end = from + 1;
    while (end < n && order[end].time_ns >= order[end - 1].time_ns)
        end++;
    return end < n ? end : n;
}

static void merge(const struct queue_key *from, uint32_t middle, uint32_t n, struct queue_key *to) {
    uint32_t left = 0, right = middle, out = 0;
    while (left < middle && right < n)
        to[out++] = from[right].time_ns < from[left].time_ns ? from[right++] : from[left++];
    memcpy(to + out, from + left, (middle - left) * sizeof *to);
    out += middle - left;
    memcpy(to + out, from + right, (n - right) * sizeof *to);
}

/* Merge neighbouring runs of `from` into `to`. Returns how many runs that makes. */
static uint32_t merge_runs(const struct queue_key *from, uint32_t n, struct queue_key *to) {
    uint32_t runs = 0;
    for (uint32_t at = 0; at < n; runs++) {
        uint32_t middle = run_end(from, at, n), end = middle < n ? run_end(from, middle, n) : n;
        merge(from + at, middle - at, end - at, to + at);
        at = end;
    }
    return runs;
}

/* A merge sort of the runs that are there: threads' rings are long ascending runs, so it takes as many passes as the
 * logarithm of the number of threads. */
int queue_sort(struct queue *queue) {
    uint32_t n = queue->n_order - queue->first;
    if (queue->n_sorted == queue->n_order)
        return 0;
    if (queue->scratch_space < queue->n_order) {
        struct queue_key *scratch = reallocarray(queue->scratch, queue->order_space, sizeof *scratch);
        if (!scratch)
            return -ENOMEM;
        queue->scratch = scratch;
        queue->scratch_space = queue->order_space;
    }
    struct queue_key *from = queue->order + queue->first, *to = queue->scratch + queue->first;
    for (bool sorted = run_end(from, 0, n) == n; !sorted;) {
        sorted = merge_runs(from, n, to) == 1;
        struct queue_key *old = queue->order;
        queue->order = queue->scratch;
        queue->scratch = old;
        uint32_t space = queue->order_space;
        queue->order_space = queue->scratch_space;
        queue->scratch_space = space;
        from = queue->order + queue->first;
        to = queue->scratch + queue->first;
    }
    queue->n_sorted = queue->n_order;
    return 0;
}

uint32_t queue_before(const struct queue *queue, uint64_t until_ns) {
    uint32_t low = queue->first, high = queue->n_sorted;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (queue->order[middle].time_ns < until_ns)
            low = middle + 1;
        else
            high = middle;
    }
    return low - queue->first;
}

/* Move those that are left to the front, once they are the smaller half: so each event moves about once. */
int queue_consume(struct queue *queue, uint32_t n) {
    queue->first += n;
    uint32_t left = queue->n_order - queue->first;
    if (left > queue->n / 2)
        return 0;
    struct queued *events = left ? calloc(left, sizeof *events) : NULL;
    if (left && !events)
        return -ENOMEM;
    for (uint32_t i = 0; i < left; i++) {
        events[i] = queue->events[queue->order[queue->first + i].index];
        queue->order[i] = (struct queue_key){events[i].event.time_ns, i};
    }
    if (left)
        memcpy(queue->events, events, left * sizeof *events);
    free(events);
    queue->n = left;
    queue->n_order = queue->n_sorted = left;
    queue->first = 0;
    return 0;
}
