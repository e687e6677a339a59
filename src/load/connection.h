/* One connection of a loop: what happens to it, and what is counted of it. */
#ifndef PIKO_LOAD_CONNECTION_H
#define PIKO_LOAD_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "load/detour.h"
#include "load/http2.h"
#include "load/response.h"
#include "load/stream.h"
#include "load/traffic.h"

enum connection_state {
    CONNECTION_CLOSED,        /* no socket; what to open when requests run */
    CONNECTION_WAITING,       /* no socket; tries again at due_ns */
    CONNECTION_CONNECTING,    /* request under way from here on: it counts the connecting too */
    CONNECTION_SHAKING_HANDS, /* of TLS */
    CONNECTION_SENDING,       /* the socket took a part of the request */
    CONNECTION_RECEIVING,
    CONNECTION_IDLE, /* open, no request under way */
};

struct connection {
    struct stream stream;
    struct http2 *http2; /* NULL: HTTP/1.1 */
    enum connection_state state;
    bool reused;               /* this connection already carried a response */
    uint64_t answers;          /* whole responses */
    bool again;                /* the request is sent for the second time */
    unsigned doublings;        /* of the wait after the next failure; 0 after a response */
    size_t request;            /* of the plan */
    const struct buffer *head; /* what is sent: the plan's or the detour's, and then so much of the plan's body */
    size_t body_size;
    size_t sent; /* bytes of both */
    struct connection *next_free;
    uint64_t free_ns;      /* since when it waits for its next request */
    uint64_t planned_ns;   /* open model: when the request should have begun */
    uint64_t begun_ns;     /* begin of the request, connecting included: for the timeout */
    uint64_t sent_ns;      /* when it was first sent: for the latency */
    uint64_t due_ns;       /* WAITING: when to try again */
    struct buffer kept;    /* part of a line that the parser did not use yet */
    struct detour *detour; /* NULL: redirects are answers */
    struct response response;
};

/* 0 or -ENOMEM. */
int connection_init(struct connection *connection, bool follow);
/* Free what it owns; it must have been dropped. */
void connection_done(struct connection *connection);
/* A request is under way. */
bool connection_is_busy(const struct connection *connection);
/* Close, forget what was under way, uncounted. The connection is CLOSED and can be used again. */
void connection_drop(struct traffic *traffic, struct connection *connection);

/* Be among those that wait for their next request, first in, first out; only while requests run, and on others than IDLE and
 * CLOSED ones nothing happens. The loop calls connection_begin() on what it takes out. */
void connection_set_free(struct traffic *traffic, struct connection *connection);
struct connection *connection_take_free(struct traffic *traffic); /* NULL when there is none */

/* Begin a request: on a connection that is IDLE or CLOSED; on others nothing happens. */
void connection_begin(struct traffic *traffic, struct connection *connection);
/* Something happened to the socket. */
void connection_handle(struct traffic *traffic, struct connection *connection, uint32_t epoll_events);
/* Time passed: end a request that took too long, try again after a failure. */
void connection_tick(struct traffic *traffic, struct connection *connection);

/* ---- for exchange.c ---------------------------------------------------------------------------------------------------*/

/* Everything for the connection's whole life, edge-triggered: no epoll_ctl is needed per request. */
#define CONNECTION_EVENTS (EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET)
#define CONNECTION_ENDS (EPOLLRDHUP | EPOLLHUP | EPOLLERR)

/* A response may come: it may do so before all of the request was taken. */
bool connection_is_open(const struct connection *connection);
void connection_set_state(struct traffic *traffic, struct connection *connection, enum connection_state state);

/* Open a socket for the request that begun_ns says; connection_go() only where none is open. The request follows. */
void connection_open(struct traffic *traffic, struct connection *connection);
void connection_go(struct traffic *traffic, struct connection *connection);

/* Close the socket; the state stays. */
void connection_close(struct connection *connection);
/* Close after a failure and have the connection wait before it tries again. */
void connection_back_off(struct traffic *traffic, struct connection *connection);
/* The same, with the failure counted: errno, or EPROTO for what TLS says; the peer closed; it breaks the rules. */
void connection_fail_open(struct traffic *traffic, struct connection *connection, int error);
void connection_fail_closed(struct traffic *traffic, struct connection *connection, const char *when);
void connection_fail_protocol(struct traffic *traffic, struct connection *connection, const char *why);

#endif
