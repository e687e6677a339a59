#include "load/connection.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

/* A target that is down must not be hammered: 10, 20, 40, … ms between the attempts of a connection. */
#define RETRY_FIRST_NS (10 * NS_PER_MS)
#define RETRY_DOUBLINGS_MAX 4u

/* Reads of one connection before others get their turn. */
#define READS_MAX 16

/* Everything for the connection's whole life, edge-triggered: no epoll_ctl is needed per request. */
#define EPOLL_EVENTS (EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET)
#define EPOLL_ENDS (EPOLLRDHUP | EPOLLHUP | EPOLLERR)

void connection_init(struct connection *connection) {
    *connection = (struct connection){.fd = -1, .kept = BUFFER_INIT(LOAD_HEAD_BYTES_MAX)};
}

bool connection_is_busy(const struct connection *connection) {
    return connection->state == CONNECTION_CONNECTING || connection->state == CONNECTION_SENDING ||
           connection->state == CONNECTION_RECEIVING;
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
    if (connection->fd >= 0)
        close(connection->fd);
    connection->fd = -1;
    connection->reused = false;
    buffer_done(&connection->kept);
}

void connection_drop(struct traffic *traffic, struct connection *connection) {
    close_socket(connection);
    connection->again = false;
    set_state(traffic, connection, CONNECTION_CLOSED);
}

/* The text is made for the first failure alone. */
__attribute__((format(printf, 3, 4))) static void count_failure(struct traffic *traffic, enum load_failure failure,
                                                                const char *format, ...) {
    traffic->stats.failures[failure]++;
    if (traffic->first_failure_ns)
        return;
    traffic->first_failure_ns = traffic->now_ns;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(traffic->stats.first_failure, sizeof traffic->stats.first_failure, format, arguments);
    va_end(arguments);
}

/* Close after a failure and have the connection wait before it tries again. */
static void back_off(struct traffic *traffic, struct connection *connection) {
    connection_drop(traffic, connection);
    connection->due_ns = traffic->now_ns + (RETRY_FIRST_NS << connection->doublings);
    connection->doublings += connection->doublings < RETRY_DOUBLINGS_MAX;
    set_state(traffic, connection, CONNECTION_WAITING);
}

static void fail_connect(struct traffic *traffic, struct connection *connection, int error) {
    count_failure(traffic, error == ETIMEDOUT ? LOAD_TIMEOUT : LOAD_REFUSED, "connect %s: %s", traffic->target->name,
                  strerror(error));
    back_off(traffic, connection);
}

static void fail_open(struct traffic *traffic, struct connection *connection, int error) {
    count_failure(traffic, error == ETIMEDOUT ? LOAD_TIMEOUT : LOAD_RESET, "%s: %s", traffic->target->name,
                  strerror(error));
    back_off(traffic, connection);
}

static void fail_closed(struct traffic *traffic, struct connection *connection, const char *when) {
    count_failure(traffic, LOAD_RESET, "%s: closed %s", traffic->target->name, when);
    back_off(traffic, connection);
}

static void fail_protocol(struct traffic *traffic, struct connection *connection, const char *why) {
    count_failure(traffic, LOAD_PROTOCOL, "%s: %s", traffic->target->name, why);
    back_off(traffic, connection);
}

static void send_request(struct traffic *traffic, struct connection *connection);

/* Open a socket for the request that begun_ns says. */
static void open_socket(struct traffic *traffic, struct connection *connection) {
    const struct target *target = traffic->target;
    connection->fd = socket(target->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
    set_state(traffic, connection, CONNECTION_CONNECTING);
    if (connection->fd < 0) {
        fail_connect(traffic, connection, errno);
        return;
    }
    int on = 1;
    setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    bool connected = connect(connection->fd, (const struct sockaddr *)&target->address, target->address_size) == 0;
    struct epoll_event event = {.events = EPOLL_EVENTS, .data.ptr = connection};
    if ((!connected && errno != EINPROGRESS) || epoll_ctl(traffic->epoll, EPOLL_CTL_ADD, connection->fd, &event) < 0)
        fail_connect(traffic, connection, errno);
    else if (connected)
        send_request(traffic, connection);
}

/* The connection ended, or broke with `error`, while a request was under way.
 *
 * A server may close a kept connection at any moment. When that crosses our next request, the end looks like a close or like
 * a reset, and every HTTP client sends the request again on a new connection (RFC 9112, 9.3.1). So do we: once, and counted
 * as a retry, because a server that breaks looks the same from here. */
static void end_under_way(struct traffic *traffic, struct connection *connection, int error) {
    bool untouched = connection->response.stage == RESPONSE_STATUS_LINE && !connection->response.head_bytes &&
                     !connection->kept.size;
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

/* Send the rest of the request; the clock of its latency starts with its first byte. */
static void send_request(struct traffic *traffic, struct connection *connection) {
    const struct buffer *request = traffic->request;
    if (connection->state == CONNECTION_CONNECTING || connection->state == CONNECTION_IDLE) {
        connection->sent = 0;
        response_begin(&connection->response);
        if (connection->state == CONNECTION_CONNECTING)
            traffic->now_ns = clock_monotonic_ns();
        if (!connection->again)
            connection->sent_ns = traffic->now_ns;
    }
    ssize_t n = send(connection->fd, request->data + connection->sent, request->size - connection->sent, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        end_under_way(traffic, connection, errno);
        return;
    }
    connection->sent += n > 0 ? (size_t)n : 0;
    set_state(traffic, connection, connection->sent < request->size ? CONNECTION_SENDING : CONNECTION_RECEIVING);
}

void connection_begin(struct traffic *traffic, struct connection *connection) {
    if (connection->state != CONNECTION_IDLE && connection->state != CONNECTION_CLOSED)
        return;
    connection->begun_ns = traffic->now_ns;
    connection->again = false;
    if (connection->state == CONNECTION_IDLE)
        send_request(traffic, connection);
    else
        open_socket(traffic, connection);
}

/* The response is whole: count it, and go on with the next request. */
static void complete(struct traffic *traffic, struct connection *connection) {
    const struct response *response = &connection->response;
    traffic->now_ns = clock_monotonic_ns();
    if (response->status < 400) {
        traffic->stats.requests++;
        histogram_record(traffic->stats.latency, traffic->now_ns - connection->sent_ns);
    } else {
        count_failure(traffic, LOAD_STATUS, "status %u", response->status);
    }
    connection->doublings = 0;
    connection->again = false;
    connection->reused = true;
    if (response->keep_alive && connection->sent == traffic->request->size)
        set_state(traffic, connection, CONNECTION_IDLE);
    else
        connection_drop(traffic, connection);
    if (traffic->running)
        connection_begin(traffic, connection);
}

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

/* Read what is there. One recv is enough when it doesn't fill the buffer: a later byte is a new edge, and so is the end,
 * unless it is already announced. */
static void receive(struct traffic *traffic, struct connection *connection, uint32_t epoll_events) {
    int fd = connection->fd;
    for (int reads = 0; reads < READS_MAX; reads++) {
        size_t kept = connection->kept.size;
        if (kept)
            memcpy(traffic->read_buffer, connection->kept.data, kept);
        ssize_t n = recv(fd, traffic->read_buffer + kept, TRAFFIC_READ_BYTES, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return;
        if (n < 0) {
            end_under_way(traffic, connection, errno);
            return;
        }
        if (n == 0) {
            take_end(traffic, connection);
            return;
        }
        take_bytes(traffic, connection, kept + (size_t)n);
        if (connection->fd != fd || !is_open(connection) ||
            ((size_t)n < TRAFFIC_READ_BYTES && !(epoll_events & EPOLL_ENDS)))
            return;
    }
    struct epoll_event event = {.events = EPOLL_EVENTS, .data.ptr = connection};
    epoll_ctl(traffic->epoll, EPOLL_CTL_MOD, fd, &event); /* makes the edge anew: there may be more */
}

static void end_connect(struct traffic *traffic, struct connection *connection) {
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(connection->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error)
        fail_connect(traffic, connection, error);
    else if (traffic->running)
        send_request(traffic, connection);
    else
        set_state(traffic, connection, CONNECTION_IDLE);
}

/* An edge tells of all that happened since the last one, so nothing in it may be passed over: a server may talk before it
 * is asked. */
void connection_handle(struct traffic *traffic, struct connection *connection, uint32_t epoll_events) {
    if (connection->state == CONNECTION_CONNECTING && epoll_events & (EPOLLOUT | EPOLL_ENDS))
        end_connect(traffic, connection);
    else if (connection->state == CONNECTION_SENDING && epoll_events & EPOLLOUT)
        send_request(traffic, connection);
    if (!(epoll_events & (EPOLLIN | EPOLL_ENDS)))
        return;
    if (is_open(connection))
        receive(traffic, connection, epoll_events);
    else if (connection->state == CONNECTION_IDLE) /* the end, or bytes that nobody asked for: of no use any more */
        connection_drop(traffic, connection);
}

void connection_tick(struct traffic *traffic, struct connection *connection) {
    if (connection->state == CONNECTION_WAITING && traffic->now_ns >= connection->due_ns) {
        set_state(traffic, connection, CONNECTION_CLOSED);
        if (traffic->running)
            connection_begin(traffic, connection);
    } else if (connection_is_busy(connection) && traffic->now_ns - connection->begun_ns >= traffic->timeout_ns) {
        count_failure(traffic, LOAD_TIMEOUT, "%s: no %s within %.3g s", traffic->target->name,
                      connection->state == CONNECTION_CONNECTING ? "connection" : "whole response",
                      (double)traffic->timeout_ns / (double)NS_PER_S);
        back_off(traffic, connection);
    }
}
