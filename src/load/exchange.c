#include "load/exchange.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "load/redirect.h"

/* Reads of one connection before others get their turn. */
#define READS_MAX 16

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
        connection_close(connection);
        connection->again = true;
        connection_open(traffic, connection);
    } else if (error) {
        connection_fail_open(traffic, connection, error);
    } else {
        connection_fail_closed(traffic, connection, untouched ? "without a response" : "in the middle of a response");
    }
}

/* Send what the socket takes of what HTTP/2 has to say. Returns as send_rest(). */
static int send_frames(struct connection *connection) {
    for (;;) {
        const char *data;
        ssize_t size = http2_pending(connection->http2, &data);
        if (size <= 0)
            return (int)size;
        ssize_t n = stream_send(&connection->stream, data, (size_t)size, /* more= */ false);
        if (n < 0)
            return (int)n;
        http2_sent(connection->http2, (size_t)n);
    }
}

/* Send what the socket takes of the head and then of the body. 0 when that was all, -EAGAIN, or another negative errno. */
static int send_rest(const struct traffic *traffic, struct connection *connection) {
    if (connection->http2)
        return send_frames(connection);
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

void exchange_push(struct traffic *traffic, struct connection *connection) {
    int error = send_rest(traffic, connection);
    if (error && error != -EAGAIN)
        end_under_way(traffic, connection, -error);
    else
        connection_set_state(traffic, connection, error ? CONNECTION_SENDING : CONNECTION_RECEIVING);
}

void exchange_begin(struct traffic *traffic, struct connection *connection) {
    struct detour *detour = connection->detour;
    connection->sent = 0;
    response_begin(&connection->response, traffic->plan->of_head, detour ? detour->location : NULL);
    if (connection->state != CONNECTION_IDLE)
        traffic->now_ns = clock_monotonic_ns();
    if (!connection->again && !(detour && detour->hops))
        connection->sent_ns = traffic->now_ns;
    int error = 0;
    if (connection->http2)
        error = http2_begin(connection->http2, connection->head, traffic->plan->form.body, connection->body_size);
    if (error)
        end_under_way(traffic, connection, -error);
    else
        exchange_push(traffic, connection);
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
        connection_set_free(traffic, connection);
        return;
    }
    traffic->stats.redirects++;
    connection->head = &detour->head;
    connection->body_size = detour->drops_body ? 0 : connection->body_size;
    connection_go(traffic, connection);
}

/* The response is whole: count it, and go on with the next request. */
static void complete(struct traffic *traffic, struct connection *connection) {
    const struct response *response = &connection->response;
    bool leads_on = connection->detour && redirect_is(response->status);
    traffic->now_ns = clock_monotonic_ns();
    connection->doublings = 0;
    connection->again = false;
    connection->reused = true;
    connection->answers++;
    if (response->keep_alive && connection->state == CONNECTION_RECEIVING)
        connection_set_state(traffic, connection, CONNECTION_IDLE);
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
    connection_set_free(traffic, connection);
}

/* Give `size` bytes of the read buffer to HTTP/2. What it then has to say goes along with the next request, if there is one. */
static void take_frames(struct traffic *traffic, struct connection *connection, size_t size) {
    struct response *response = &connection->response;
    uint64_t before = response->body_bytes;
    bool refused;
    enum response_result result = http2_read(connection->http2, traffic->read_buffer, size);
    const char *reset = http2_reset(connection->http2, &refused);
    traffic->stats.body_bytes += response->body_bytes - before;
    if (result == RESPONSE_COMPLETE) {
        complete(traffic, connection);
    } else if (reset && refused) {
        end_under_way(traffic, connection, 0);
    } else if (reset) {
        traffic_fail(traffic, LOAD_RESET, 0, "%s: gave up the request: %s", traffic->plan->target.name, reset);
        connection_back_off(traffic, connection);
    } else if (result == RESPONSE_INVALID) {
        connection_fail_protocol(traffic, connection, response->why);
    } else {
        exchange_push(traffic, connection);
    }
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
        connection_fail_protocol(traffic, connection, response->why);
    else if (result == RESPONSE_COMPLETE && used < size)
        connection_fail_protocol(traffic, connection, "bytes after the end of a response");
    else if (result == RESPONSE_COMPLETE)
        complete(traffic, connection);
    else if (used < size && buffer_add(&connection->kept, traffic->read_buffer + used, size - used))
        connection_fail_open(traffic, connection, -connection->kept.error);
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
static bool may_be_more(const struct connection *connection, ssize_t n, uint32_t epoll_events, bool answered) {
    if (epoll_events & CONNECTION_ENDS)
        return true;
    return connection->stream.tls ? !answered : (size_t)n == TRAFFIC_READ_BYTES;
}

void exchange_receive(struct traffic *traffic, struct connection *connection, uint32_t epoll_events) {
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
        uint64_t answers = connection->answers;
        if (connection->http2)
            take_frames(traffic, connection, (size_t)n);
        else
            take_bytes(traffic, connection, kept + (size_t)n);
        if (connection->stream.fd != fd || !connection_is_open(connection) ||
            !may_be_more(connection, n, epoll_events, connection->answers != answers))
            return;
    }
    struct epoll_event event = {.events = CONNECTION_EVENTS, .data.ptr = connection};
    epoll_ctl(traffic->epoll, EPOLL_CTL_MOD, fd, &event); /* makes the edge anew: there may be more */
}

/* The end, or bytes that nobody asked for, make a connection useless. But TLS and HTTP/2 have messages of
 * their own. */
void exchange_look_at_idle(struct traffic *traffic, struct connection *connection) {
    ssize_t n = stream_receive(&connection->stream, traffic->read_buffer, TRAFFIC_READ_BYTES);
    bool useful = n == -EAGAIN;
    if (n > 0 && connection->http2)
        useful = http2_read(connection->http2, traffic->read_buffer, (size_t)n) == RESPONSE_PARTIAL &&
                 send_frames(connection) == 0;
    if (!useful)
        connection_drop(traffic, connection);
}
