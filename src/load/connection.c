#include "load/connection.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "load/redirect.h"
#include "load/tls.h"

/* A target that is down must not be hammered: 10, 20, 40, … ms between the attempts of a connection. */
#define RETRY_FIRST_NS (10 * NS_PER_MS)
#define RETRY_DOUBLINGS_MAX 4u

/* Reads of one connection before others get their turn. */
#define READS_MAX 16

/* Everything for the connection's whole life, edge-triggered: no epoll_ctl is needed per request. */
#define EPOLL_EVENTS (EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET)
#define EPOLL_ENDS (EPOLLRDHUP | EPOLLHUP | EPOLLERR)

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

/* A response may come: it may do so before all of the request was taken. */
static bool is_open(const struct connection *connection) {
    return connection->state == CONNECTION_SENDING || connection->state == CONNECTION_RECEIVING;
}

static void set_state(struct traffic *traffic, struct connection *connection, enum connection_state state) {
    traffic->busy -= connection_is_busy(connection);
    traffic->waiting -= connection->state == CONNECTION_WAITING;
    connection->state = state;
    traffic->busy += connection_is_busy(connection);
    traffic->waiting += state == CONNECTION_WAITING;
}

static void close_socket(struct connection *connection) {
    stream_close(&connection->stream);
    connection->reused = false;
    buffer_done(&connection->kept);
}

void connection_drop(struct traffic *traffic, struct connection *connection) {
    close_socket(connection);
    connection->again = false;
    set_state(traffic, connection, CONNECTION_CLOSED);
}

/* Close after a failure and have the connection wait before it tries again. */
static void back_off(struct traffic *traffic, struct connection *connection) {
    connection_drop(traffic, connection);
    connection->due_ns = traffic->now_ns + (RETRY_FIRST_NS << connection->doublings);
    connection->doublings += connection->doublings < RETRY_DOUBLINGS_MAX;
    set_state(traffic, connection, CONNECTION_WAITING);
}

static void fail_connect(struct traffic *traffic, struct connection *connection, int error) {
    traffic_fail(traffic, error == ETIMEDOUT ? LOAD_TIMEOUT : LOAD_REFUSED, 0, "connect %s: %s",
                 traffic->plan->target.name, strerror(error));
    back_off(traffic, connection);
}

static void fail_tls(struct traffic *traffic, struct connection *connection) {
    char why[120];
    tls_explain(connection->stream.tls, why, sizeof why);
    traffic_fail(traffic, LOAD_TLS, 0, "%s: %s", traffic->plan->target.name, why);
    back_off(traffic, connection);
}

static void fail_open(struct traffic *traffic, struct connection *connection, int error) {
    if (error == EPROTO && connection->stream.tls) {
        fail_tls(traffic, connection);
        return;
    }
    traffic_fail(traffic, error == ETIMEDOUT ? LOAD_TIMEOUT : LOAD_RESET, 0, "%s: %s", traffic->plan->target.name,
                 strerror(error));
    back_off(traffic, connection);
}

static void fail_closed(struct traffic *traffic, struct connection *connection, const char *when) {
    traffic_fail(traffic, LOAD_RESET, 0, "%s: closed %s", traffic->plan->target.name, when);
    back_off(traffic, connection);
}

static void fail_protocol(struct traffic *traffic, struct connection *connection, const char *why) {
    traffic_fail(traffic, LOAD_PROTOCOL, 0, "%s: %s", traffic->plan->target.name, why);
    back_off(traffic, connection);
}

/* ---- opening ----------------------------------------------------------------------------------------------------------*/

static void send_request(struct traffic *traffic, struct connection *connection);

/* The way to the server is open. */
static void use(struct traffic *traffic, struct connection *connection) {
    if (traffic->running)
        send_request(traffic, connection);
    else
        set_state(traffic, connection, CONNECTION_IDLE);
}

static void shake_hands(struct traffic *traffic, struct connection *connection) {
    int error = stream_shake_hands(&connection->stream);
    if (error == -EPROTO)
        fail_tls(traffic, connection);
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
    set_state(traffic, connection, CONNECTION_SHAKING_HANDS);
    shake_hands(traffic, connection);
}

/* Open a socket for the request that begun_ns says. */
static void open_socket(struct traffic *traffic, struct connection *connection) {
    const struct target *target = &traffic->plan->target;
    int fd = socket(target->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    connection->stream.fd = fd;
    set_state(traffic, connection, CONNECTION_CONNECTING);
    if (fd < 0) {
        fail_connect(traffic, connection, errno);
        return;
    }
    int on = 1;
    if (target->address.ss_family != AF_UNIX)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    bool connected = connect(fd, (const struct sockaddr *)&target->address, target->address_size) == 0;
    struct epoll_event event = {.events = EPOLL_EVENTS, .data.ptr = connection};
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

/* ---- requests ---------------------------------------------------------------------------------------------------------*/

/* Nothing came yet of the response that is waited for. */
static bool is_untouched(const struct connection *connection) {
    return connection->response.stage == RESPONSE_STATUS_LINE && !connection->response.head_bytes &&
           !connection->kept.size;
}

/* The connection ended, or broke with `error`, while a request was under way.
 *
 * A server may close a kept connection at any moment. When that crosses our next request, the end looks like a close or like
 * a reset, and every HTTP client sends the request again on a new connection (RFC 9112, 9.3.1). So do we: once, and counted
 * as a retry, because a server that breaks looks the same from here. */
static void end_under_way(struct traffic *traffic, struct connection *connection, int error) {
    bool untouched = is_untouched(connection);
    if (connection->reused && untouched && (!error || error == EPIPE || error == ECONNRESET)) {
        traffic->stats.retries++;
        close_socket(connection);
        connection->again = true;
        open_socket(traffic, connection);
    } else if (error) {
        fail_open(traffic, connection, error);
    } else {
        fail_closed(traffic, connection, untouched ? "without a response" : "in the middle of a response");
    }
}

/* Send what the socket takes of the head and then of the body. 0 when that was all, -EAGAIN, or another negative errno. */
static int send_rest(const struct traffic *traffic, struct connection *connection) {
    const struct buffer *head = connection->head;
    while (connection->sent < head->size + connection->body_size) {
        bool in_head = connection->sent < head->size;
        const char *data = in_head ? head->data + connection->sent
                                   : (const char *)traffic->plan->form.body + (connection->sent - head->size);
        size_t size = (in_head ? head->size : head->size + connection->body_size) - connection->sent;
        ssize_t n = stream_send(&connection->stream, data, size, /* more= */ in_head && connection->body_size);
        if (n < 0)
            return (int)n;
        connection->sent += (size_t)n;
    }
    return 0;
}

/* Send the rest of the request; the clock of its latency starts with its first byte. */
static void send_request(struct traffic *traffic, struct connection *connection) {
    if (connection->state != CONNECTION_SENDING) {
        struct detour *detour = connection->detour;
        bool first = !connection->again && !(detour && detour->hops);
        connection->sent = 0;
        response_begin(&connection->response, traffic->plan->of_head, detour ? detour->location : NULL);
        if (connection->state != CONNECTION_IDLE)
            traffic->now_ns = clock_monotonic_ns();
        if (first)
            connection->sent_ns = traffic->now_ns;
    }
    int error = send_rest(traffic, connection);
    if (error && error != -EAGAIN)
        end_under_way(traffic, connection, -error);
    else
        set_state(traffic, connection, error ? CONNECTION_SENDING : CONNECTION_RECEIVING);
}

/* Send on the connection as it is, or open one. */
static void go(struct traffic *traffic, struct connection *connection) {
    if (connection->state == CONNECTION_IDLE)
        send_request(traffic, connection);
    else
        open_socket(traffic, connection);
}

static bool is_at_rest(const struct connection *connection) {
    return connection->state == CONNECTION_IDLE || connection->state == CONNECTION_CLOSED;
}

void connection_set_free(struct traffic *traffic, struct connection *connection) {
    if (!is_at_rest(connection))
        return;
    connection->next_free = NULL;
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
    go(traffic, connection);
}

/* The connection is done with a request: on to the next, when it is time. */
static void go_on(struct traffic *traffic, struct connection *connection) {
    if (!traffic->running)
        return;
    if (!schedule_is_open_model(&traffic->schedule) ||
        schedule_take(&traffic->schedule, traffic->now_ns, &connection->planned_ns))
        connection_begin(traffic, connection);
    else
        connection_set_free(traffic, connection);
}

static void count_latency(const struct traffic *traffic, const struct connection *connection) {
    uint64_t latency_ns = traffic->now_ns - connection->sent_ns;
    if (schedule_is_open_model(&traffic->schedule)) {
        histogram_record(traffic->stats.uncorrected, latency_ns);
        latency_ns = traffic->now_ns - connection->planned_ns;
    }
    histogram_record(traffic->stats.latency, latency_ns);
}

/* The response is whole and leads elsewhere. */
static void follow(struct traffic *traffic, struct connection *connection) {
    struct detour *detour = connection->detour;
    unsigned status = connection->response.status;
    char why[160];
    if (detour_take(detour, traffic->plan, connection->request, status, why, sizeof why)) {
        traffic_fail(traffic, LOAD_REDIRECT, 0, "status %u: %s", status, why);
        go_on(traffic, connection);
        return;
    }
    traffic->stats.redirects++;
    connection->head = &detour->head;
    connection->body_size = detour->drops_body ? 0 : connection->body_size;
    go(traffic, connection);
}

/* The response is whole: count it, and go on with the next request. */
static void complete(struct traffic *traffic, struct connection *connection) {
    const struct response *response = &connection->response;
    bool leads_on = connection->detour && redirect_is(response->status);
    traffic->now_ns = clock_monotonic_ns();
    connection->doublings = 0;
    connection->again = false;
    connection->reused = true;
    if (response->keep_alive && connection->state == CONNECTION_RECEIVING)
        set_state(traffic, connection, CONNECTION_IDLE);
    else
        connection_drop(traffic, connection);
    if (leads_on) {
        follow(traffic, connection);
        return;
    }
    if (response->status < 400) {
        traffic->stats.requests++;
        count_latency(traffic, connection);
    } else {
        traffic_fail(traffic, LOAD_STATUS, response->status, "status %u", response->status);
    }
    go_on(traffic, connection);
}

/* ---- what happens to the socket ---------------------------------------------------------------------------------------*/

/* Give `size` bytes of the read buffer to the parser. */
static void take_bytes(struct traffic *traffic, struct connection *connection, size_t size) {
    struct response *response = &connection->response;
    uint64_t before = response->body_bytes;
    size_t used;
    enum response_result result = response_read(response, traffic->read_buffer, size, &used);
    traffic->stats.body_bytes += response->body_bytes - before;
    connection->kept.size = 0;
    if (result == RESPONSE_INVALID)
        fail_protocol(traffic, connection, response->why);
    else if (result == RESPONSE_COMPLETE && used < size)
        fail_protocol(traffic, connection, "bytes after the end of a response");
    else if (result == RESPONSE_COMPLETE)
        complete(traffic, connection);
    else if (used < size && buffer_add(&connection->kept, traffic->read_buffer + used, size - used))
        fail_open(traffic, connection, -connection->kept.error);
}

/* The peer closed its side. */
static void take_end(struct traffic *traffic, struct connection *connection) {
    if (response_end(&connection->response) == RESPONSE_COMPLETE)
        complete(traffic, connection);
    else
        end_under_way(traffic, connection, 0);
}

/* Whether a receive of n bytes may have left some, of which no edge will tell. One that doesn't fill the buffer leaves none
 * in the socket: a later byte is a new edge, and so is the end, unless it is already announced. But TLS gives a record at
 * a time; it is asked again until the response is whole. */
static bool may_be_more(const struct connection *connection, ssize_t n, uint32_t epoll_events) {
    if (epoll_events & EPOLL_ENDS)
        return true;
    return connection->stream.tls ? !is_untouched(connection) : (size_t)n == TRAFFIC_READ_BYTES;
}

/* Read what is there. */
static void receive(struct traffic *traffic, struct connection *connection, uint32_t epoll_events) {
    int fd = connection->stream.fd;
    for (int reads = 0; reads < READS_MAX; reads++) {
        size_t kept = connection->kept.size;
        if (kept)
            memcpy(traffic->read_buffer, connection->kept.data, kept);
        ssize_t n = stream_receive(&connection->stream, traffic->read_buffer + kept, TRAFFIC_READ_BYTES);
        if (n == -EAGAIN)
            return;
        if (n < 0) {
            end_under_way(traffic, connection, (int)-n);
            return;
        }
        if (n == 0) {
            take_end(traffic, connection);
            return;
        }
        take_bytes(traffic, connection, kept + (size_t)n);
        if (connection->stream.fd != fd || !is_open(connection) || !may_be_more(connection, n, epoll_events))
            return;
    }
    struct epoll_event event = {.events = EPOLL_EVENTS, .data.ptr = connection};
    epoll_ctl(traffic->epoll, EPOLL_CTL_MOD, fd, &event); /* makes the edge anew: there may be more */
}

/* The end, or bytes that nobody asked for, make a connection useless. But TLS has messages of its own. */
static void look_at_idle(struct traffic *traffic, struct connection *connection) {
    if (stream_receive(&connection->stream, traffic->read_buffer, TRAFFIC_READ_BYTES) != -EAGAIN)
        connection_drop(traffic, connection);
}

/* An edge tells of all that happened since the last one, so nothing in it may be passed over: a server may talk before it
 * is asked. */
void connection_handle(struct traffic *traffic, struct connection *connection, uint32_t epoll_events) {
    if (connection->state == CONNECTION_CONNECTING && epoll_events & (EPOLLOUT | EPOLL_ENDS))
        take_connect(traffic, connection);
    else if (connection->state == CONNECTION_SHAKING_HANDS)
        shake_hands(traffic, connection);
    else if (connection->state == CONNECTION_SENDING && epoll_events & EPOLLOUT)
        send_request(traffic, connection);
    if (!(epoll_events & (EPOLLIN | EPOLL_ENDS)))
        return;
    if (is_open(connection))
        receive(traffic, connection, epoll_events);
    else if (connection->state == CONNECTION_IDLE)
        look_at_idle(traffic, connection);
}

void connection_tick(struct traffic *traffic, struct connection *connection) {
    if (connection->state == CONNECTION_WAITING && traffic->now_ns >= connection->due_ns) {
        set_state(traffic, connection, CONNECTION_CLOSED);
        go_on(traffic, connection);
    } else if (connection_is_busy(connection) && traffic->now_ns - connection->begun_ns >= traffic->plan->timeout_ns) {
        bool opens = connection->state == CONNECTION_CONNECTING || connection->state == CONNECTION_SHAKING_HANDS;
        traffic_fail(traffic, LOAD_TIMEOUT, 0, "%s: no %s within %.3g s", traffic->plan->target.name,
                     opens ? "connection" : "whole response", (double)traffic->plan->timeout_ns / (double)NS_PER_S);
        back_off(traffic, connection);
    }
}
