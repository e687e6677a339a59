#include "load/connection.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "load/exchange.h"
#include "load/tls.h"

/* A target that is down must not be hammered: 10, 20, 40, … ms between the attempts of a connection. */
#define RETRY_FIRST_NS (10 * NS_PER_MS)
#define RETRY_DOUBLINGS_MAX 4u

int connection_init(struct connection *connection, bool follow) {
    *connection = (struct connection){.stream = STREAM_CLOSED, .kept = BUFFER_INIT(LOAD_HEAD_BYTES_MAX)};
    if (!follow)
        return 0;
    connection->detour = detour_new();
    return connection->detour ? 0 : -ENOMEM;
}

void connection_done(struct connection *connection) {
    detour_free(connection->detour);
    connection->detour = NULL;
}

bool connection_is_busy(const struct connection *connection) {
    return connection->state >= CONNECTION_CONNECTING && connection->state <= CONNECTION_RECEIVING;
}

bool connection_is_open(const struct connection *connection) {
    return connection->state == CONNECTION_SENDING || connection->state == CONNECTION_RECEIVING;
}

void connection_set_state(struct traffic *traffic, struct connection *connection, enum connection_state state) {
    traffic->busy -= connection_is_busy(connection);
    traffic->waiting -= connection->state == CONNECTION_WAITING;
    connection->state = state;
    traffic->busy += connection_is_busy(connection);
    traffic->waiting += state == CONNECTION_WAITING;
}

void connection_close(struct connection *connection) {
    stream_close(&connection->stream);
    http2_free(connection->http2);
    connection->http2 = NULL;
    connection->reused = false;
    buffer_done(&connection->kept);
}

void connection_drop(struct traffic *traffic, struct connection *connection) {
    connection_close(connection);
    connection->again = false;
    connection_set_state(traffic, connection, CONNECTION_CLOSED);
}

void connection_back_off(struct traffic *traffic, struct connection *connection) {
    connection_drop(traffic, connection);
    connection->due_ns = traffic->now_ns + (RETRY_FIRST_NS << connection->doublings);
    connection->doublings += connection->doublings < RETRY_DOUBLINGS_MAX;
    connection_set_state(traffic, connection, CONNECTION_WAITING);
}

/* A server that accepts and resets at once can be faster than our loop: then the connection that was made fails at the place
 * where it was to be taken up, with ECONNRESET, where one that was never made has ECONNREFUSED. */
static enum load_failure connect_failure(int error) {
    return error == ETIMEDOUT ? LOAD_TIMEOUT : error == ECONNRESET || error == EPIPE ? LOAD_RESET : LOAD_REFUSED;
}

static void fail_connect(struct traffic *traffic, struct connection *connection, int error) {
    traffic_fail(traffic, connect_failure(error), 0, "connect %s: %s", traffic->plan->target.name, strerror(error));
    connection_back_off(traffic, connection);
}

static void fail_tls(struct traffic *traffic, struct connection *connection) {
    char why[120];
    tls_explain(connection->stream.tls, why, sizeof why);
    traffic_fail(traffic, LOAD_TLS, 0, "%s: %s", traffic->plan->target.name, why);
    connection_back_off(traffic, connection);
}

void connection_fail_open(struct traffic *traffic, struct connection *connection, int error) {
    if (error == EPROTO && connection->stream.tls) {
        fail_tls(traffic, connection);
        return;
    }
    traffic_fail(traffic, error == ETIMEDOUT ? LOAD_TIMEOUT : LOAD_RESET, 0, "%s: %s", traffic->plan->target.name,
                 strerror(error));
    connection_back_off(traffic, connection);
}

void connection_fail_closed(struct traffic *traffic, struct connection *connection, const char *when) {
    traffic_fail(traffic, LOAD_RESET, 0, "%s: closed %s", traffic->plan->target.name, when);
    connection_back_off(traffic, connection);
}

void connection_fail_protocol(struct traffic *traffic, struct connection *connection, const char *why) {
    traffic_fail(traffic, LOAD_PROTOCOL, 0, "%s: %s", traffic->plan->target.name, why);
    connection_back_off(traffic, connection);
}

/* ---- opening ----------------------------------------------------------------------------------------------------------*/

/* The way to the server is open. */
static void use(struct traffic *traffic, struct connection *connection) {
    if (traffic->plan->http2 && http2_new(&connection->response, &connection->http2)) {
        fail_connect(traffic, connection, ENOMEM);
        return;
    }
    if (traffic->running)
        exchange_begin(traffic, connection);
    else
        connection_set_state(traffic, connection, CONNECTION_IDLE);
}

static void shake_hands(struct traffic *traffic, struct connection *connection) {
    int error = stream_shake_hands(&connection->stream);
    if (error == -EPROTO)
        fail_tls(traffic, connection);
    else if (!error && traffic->plan->http2 && !tls_is_http2(connection->stream.tls))
        connection_fail_protocol(traffic, connection, "the server does not offer HTTP/2");
    else if (!error)
        use(traffic, connection);
}

static void end_connect(struct traffic *traffic, struct connection *connection) {
    if (!traffic->plan->tls) {
        use(traffic, connection);
        return;
    }
    connection->stream.tls = tls_open(traffic->plan->tls, connection->stream.fd);
    if (!connection->stream.tls) {
        fail_connect(traffic, connection, ENOMEM);
        return;
    }
    connection_set_state(traffic, connection, CONNECTION_SHAKING_HANDS);
    shake_hands(traffic, connection);
}

void connection_open(struct traffic *traffic, struct connection *connection) {
    const struct target *target = &traffic->plan->target;
    int fd = socket(target->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    connection->stream.fd = fd;
    connection_set_state(traffic, connection, CONNECTION_CONNECTING);
    if (fd < 0) {
        fail_connect(traffic, connection, errno);
        return;
    }
    int on = 1;
    if (target->address.ss_family != AF_UNIX)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    bool connected = connect(fd, (const struct sockaddr *)&target->address, target->address_size) == 0;
    struct epoll_event event = {.events = CONNECTION_EVENTS, .data.ptr = connection};
    if ((!connected && errno != EINPROGRESS) || epoll_ctl(traffic->epoll, EPOLL_CTL_ADD, fd, &event) < 0)
        fail_connect(traffic, connection, errno);
    else if (connected)
        end_connect(traffic, connection);
}

static void take_connect(struct traffic *traffic, struct connection *connection) {
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(connection->stream.fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error)
        fail_connect(traffic, connection, error);
    else
        end_connect(traffic, connection);
}

/* ---- what the loop does with it ---------------------------------------------------------------------------------------*/

static bool is_at_rest(const struct connection *connection) {
    return connection->state == CONNECTION_IDLE || connection->state == CONNECTION_CLOSED;
}

void connection_set_free(struct traffic *traffic, struct connection *connection) {
    if (!traffic->running || !is_at_rest(connection))
        return;
    connection->next_free = NULL;
    connection->free_ns = traffic->now_ns;
    if (traffic->first_free)
        traffic->last_free->next_free = connection;
    else
        traffic->first_free = connection;
    traffic->last_free = connection;
}

struct connection *connection_take_free(struct traffic *traffic) {
    struct connection *connection = traffic->first_free;
    if (connection)
        traffic->first_free = connection->next_free;
    return connection;
}

void connection_go(struct traffic *traffic, struct connection *connection) {
    if (connection->state == CONNECTION_IDLE)
        exchange_begin(traffic, connection);
    else
        connection_open(traffic, connection);
}

void connection_begin(struct traffic *traffic, struct connection *connection) {
    if (!is_at_rest(connection))
        return;
    const struct plan *plan = traffic->plan;
    connection->request = traffic->next_request;
    connection->head = &plan->requests[connection->request].head;
    connection->body_size = plan->form.body_size;
    connection->begun_ns = traffic->now_ns;
    connection->again = false;
    traffic->stats.begun++;
    if (connection->detour)
        connection->detour->hops = 0;
    if (++traffic->next_request == plan->n_requests)
        traffic->next_request = 0;
    connection_go(traffic, connection);
}

/* An edge tells of all that happened since the last one, so nothing in it may be passed over: a server may talk before it
 * is asked. */
void connection_handle(struct traffic *traffic, struct connection *connection, uint32_t epoll_events) {
    if (connection->state == CONNECTION_CONNECTING && epoll_events & (EPOLLOUT | CONNECTION_ENDS))
        take_connect(traffic, connection);
    else if (connection->state == CONNECTION_SHAKING_HANDS)
        shake_hands(traffic, connection);
    else if (connection->state == CONNECTION_SENDING && epoll_events & EPOLLOUT)
        exchange_push(traffic, connection);
    if (!(epoll_events & (EPOLLIN | CONNECTION_ENDS)))
        return;
    bool was_idle = connection->state == CONNECTION_IDLE;
    if (connection_is_open(connection))
        exchange_receive(traffic, connection, epoll_events);
    /* The end may have come along with the response: the next request must not go there. */
    if (connection->state == CONNECTION_IDLE && (was_idle || epoll_events & CONNECTION_ENDS))
        exchange_look_at_idle(traffic, connection);
}

void connection_tick(struct traffic *traffic, struct connection *connection) {
    if (connection->state == CONNECTION_WAITING && traffic->now_ns >= connection->due_ns) {
        connection_set_state(traffic, connection, CONNECTION_CLOSED);
        connection_set_free(traffic, connection);
    } else if (connection_is_busy(connection) && traffic->now_ns - connection->begun_ns >= traffic->plan->timeout_ns) {
        bool opens = connection->state == CONNECTION_CONNECTING || connection->state == CONNECTION_SHAKING_HANDS;
        traffic_fail(traffic, LOAD_TIMEOUT, 0, "%s: no %s within %.3g s", traffic->plan->target.name,
                     opens ? "connection" : "whole response", (double)traffic->plan->timeout_ns / (double)NS_PER_S);
        connection_back_off(traffic, connection);
    }
}
