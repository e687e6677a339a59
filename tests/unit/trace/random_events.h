/* Events for the tests of the trace writer: made from a seed, or from any bytes. */
#ifndef PIKO_TESTS_RANDOM_EVENTS_H
#define PIKO_TESTS_RANDOM_EVENTS_H

#include "trace/trace.h"

struct random_events {
    uint64_t state;       /* of the generator */
    const uint8_t *bytes; /* taken first, when there are any */
    size_t n_bytes;
    unsigned nonsense; /* of 100 events, those that are drawn without regard to what the thread does */
    unsigned lost;     /* of 100 events, those that are left out, as if a ring had been overwritten */
    unsigned threads;  /* tids 1 to that */
    unsigned cpus;     /* > 0: with what the kernel did */
};

/* The next n events of all threads, from start_ns on, in order of time within a thread only. Returns the time behind
 * the last. `ret` has room for 2 * n. */
uint64_t random_events_make(struct random_events *random, uint64_t start_ns, size_t n, struct trace_event *ret,
                            size_t *ret_n);

/* Stacks of one to nine functions for any key, some of them inlined, some cut off; texts for any key. */
extern const struct trace_source random_events_source;

#endif
