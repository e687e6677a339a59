/* One connection of a loop: what happens to it, and what is counted of it. */
#ifndef PIKO_LOAD_CONNECTION_H
#define PIKO_LOAD_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "load/load.h"
#include "load/response.h"
#include "load/target.h"

/* A part of a line that is kept, and what one recv may add to it. */
#define TRAFFIC_READ_BYTES (128u << 10)
#define TRAFFIC_BUFFER_BYTES (LOAD_HEAD_BYTES_MAX + TRAFFIC_READ_BYTES)

/* What the connections of one loop share. Belongs to the loop's thread. */
struct traffic {
    const struct target *target;
    const struct buffer *request;
    uint64_t timeout_ns;
    int epoll;
    bool running;      /* a connection that is done begins its next request at once */
    unsigned busy;     /* connections with a request under way */
    unsigned waiting;  /* connections that failed and wait before they try again */
    uint64_t now_ns;   /* CLOCK_MONOTONIC, set before each call into a connection, and moved on by it */
    char *read_buffer; /* TRAFFIC_BUFFER_BYTES */
    struct load_stats stats;
    uint64_t first_failure_ns; /* when it was; 0 none yet */
};

enum connection_state {
    CONNECTION_CLOSED,     /* no socket; what to open when requests run */
    CONNECTION_WAITING,    /* no socket; tries again at due_ns */
    CONNECTION_CONNECTING, /* request under way from here on: it counts the connecting too */
    CONNECTION_SENDING,    /* the socket took a part of the request */
    CONNECTION_RECEIVING,
    CONNECTION_IDLE, /* open, no request under way */
};

struct connection {
    int fd;
    enum connection_state state;
    bool reused;        /* this connection already carried a response */
    bool again;         /* the request is sent for the second time */
    unsigned doublings; /* of the wait after the next failure; 0 after a response */
    size_t sent;        /* bytes of the request */
    uint64_t begun_ns;  /* begin of the request, connecting included: for the timeout */
    uint64_t sent_ns;   /* when it was sent: for the latency */
    uint64_t due_ns;    /* WAITING: when to try again */
    struct buffer kept; /* part of a line that the parser did not use yet */
    struct response response;
};

void connection_init(struct connection *connection);
/* A request is under way. */
bool connection_is_busy(const struct connection *connection);
/* Close, forget what was under way, uncounted. The connection is CLOSED and can be used again. */
void connection_drop(struct traffic *traffic, struct connection *connection);

/* Begin a request: on a connection that is IDLE or CLOSED; on others nothing happens. */
void connection_begin(struct traffic *traffic, struct connection *connection);
/* Something happened to the socket. */
void connection_handle(struct traffic *traffic, struct connection *connection, uint32_t epoll_events);
/* Time passed: end a request that took too long, try again after a failure. */
void connection_tick(struct traffic *traffic, struct connection *connection);

#endif
