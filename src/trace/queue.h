/* Events that wait for their generation, in order of time. Private to the trace layer. */
#ifndef PIKO_TRACE_QUEUE_H
#define PIKO_TRACE_QUEUE_H

#include "trace/trace.h"

#define QUEUE_NONE UINT32_MAX
#define QUEUE_CREATE (TRACE_N_KINDS + 1) /* a kind of our own: a thread is made; the fields are those of its start */

struct queued {
    struct trace_event event;
    /* Of a wake: the first return that it brought about; of a return: the next one of the same wake. Indexes into
     * events[], QUEUE_NONE ends it. */
    uint32_t woken;
};
_Static_assert(sizeof(struct queued) <= 64, "one cache line");

struct queue_key {
    uint64_t time_ns;
    uint32_t index;
};

struct queue {
    struct queued *events; /* in order of their coming */
    uint32_t n, space;
    struct queue_key *order;   /* of those not consumed: order[first..n_sorted) ascending, the rest as they came */
    struct queue_key *scratch; /* for sorting */
    uint32_t first, n_order, n_sorted, order_space, scratch_space;
};

void queue_done(struct queue *queue);

/* Add a copy. 0 or -ENOMEM. */
int queue_add(struct queue *queue, const struct trace_event *event);

/* Sort what came, by time, and what came first first where times are equal. 0 or -ENOMEM. */
int queue_sort(struct queue *queue);

/* After queue_sort(): how many events are earlier than until_ns. They are events[order[first + i].index]. */
uint32_t queue_before(const struct queue *queue, uint64_t until_ns);

/* Forget the first n. 0 or -ENOMEM. */
int queue_consume(struct queue *queue, uint32_t n);

#endif
