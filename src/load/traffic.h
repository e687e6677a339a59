/* What the connections of one loop share. Belongs to the loop's thread. */
#ifndef PIKO_LOAD_TRAFFIC_H
#define PIKO_LOAD_TRAFFIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "load/failures.h"
#include "load/plan.h"
#include "load/schedule.h"

/* A part of a line that is kept, and what one receive may add to it. */
#define TRAFFIC_READ_BYTES (128u << 10)
#define TRAFFIC_BUFFER_BYTES (LOAD_HEAD_BYTES_MAX + TRAFFIC_READ_BYTES)

struct connection;

struct traffic {
    const struct plan *plan;
    size_t next_request; /* of the plan */
    int epoll;
    bool running; /* a connection that is done waits for its next request */
    struct schedule schedule;
    struct connection *first_free; /* those that wait for their next request, the longest first */
    struct connection *last_free;
    unsigned busy;     /* connections with a request under way */
    unsigned waiting;  /* connections that failed and wait before they try again */
    uint64_t now_ns;   /* CLOCK_MONOTONIC, set before each call into a connection, and moved on by it */
    char *read_buffer; /* TRAFFIC_BUFFER_BYTES */
    struct load_stats stats;
    struct failure_log *log;
};

/* Count a failure with its text; status is that of LOAD_STATUS, else 0. */
void traffic_fail(struct traffic *traffic, enum load_failure failure, unsigned status, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
