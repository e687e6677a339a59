#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "load/connection.h"

/* clang-format off */
#include <setjmp.h> /* cmocka.h needs these before it */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "base/clock.h"

#define REQUEST_BYTES 60000
#define HELLO "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

/* One idle connection to `peer`, whose socket takes less than a request at once. */
static struct fixture {
    struct plan plan;
    struct plan_request request;
    struct failure_log log;
    struct traffic traffic;
    struct connection connection;
    int peer;
} fixture;

static int begin(void **state) {
    (void)state;
    int fds[2], small = 4096;
    memset(&fixture, 0, sizeof fixture);
    char *text = buffer_reserve(&fixture.request.head, REQUEST_BYTES);
    if (!text || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds))
        return -1;
    for (size_t i = 0; i < REQUEST_BYTES; i++)
        text[i] = (char)('a' + i % 23);
    fixture.request.head.size = REQUEST_BYTES;
    setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    fixture.peer = fds[1];
    failure_log_init(&fixture.log);
    fixture.plan = (struct plan){.requests = &fixture.request, .n_requests = 1, .timeout_ns = NS_PER_S};
    fixture.traffic = (struct traffic){.plan = &fixture.plan,
                                       .log = &fixture.log,
                                       .epoll = epoll_create1(0),
                                       .now_ns = clock_monotonic_ns(),
                                       .read_buffer = malloc(TRAFFIC_BUFFER_BYTES)};
    if (connection_init(&fixture.connection, /* follow= */ false))
        return -1;
    fixture.connection.stream.fd = fds[0];
    fixture.connection.state = CONNECTION_IDLE;
    return load_stats_init(&fixture.traffic.stats);
}

static int end(void **state) {
    (void)state;
    connection_drop(&fixture.traffic, &fixture.connection);
    connection_done(&fixture.connection);
    failure_log_done(&fixture.log);
    load_stats_done(&fixture.traffic.stats);
    free(fixture.traffic.read_buffer);
    buffer_done(&fixture.request.head);
    close(fixture.traffic.epoll);
    close(fixture.peer);
    return 0;
}

static void connection_sends_a_large_request_in_parts(void **state) {
    (void)state;
    static char received[REQUEST_BYTES + 1];
    size_t size = 0;
    connection_begin(&fixture.traffic, &fixture.connection);
    assert_int_equal(fixture.connection.state, CONNECTION_SENDING);
    assert_int_equal(fixture.traffic.busy, 1);
    for (int i = 0; i < 1000 && size < REQUEST_BYTES; i++) {
        ssize_t n = recv(fixture.peer, received + size, sizeof received - size, 0);
        size += n > 0 ? (size_t)n : 0;
        connection_handle(&fixture.traffic, &fixture.connection, EPOLLOUT);
    }
    assert_int_equal(fixture.connection.state, CONNECTION_RECEIVING);
    assert_int_equal(size, REQUEST_BYTES);
    assert_memory_equal(received, fixture.request.head.data, REQUEST_BYTES);
    assert_int_equal(send(fixture.peer, HELLO, strlen(HELLO), 0), strlen(HELLO));
    connection_handle(&fixture.traffic, &fixture.connection, EPOLLIN | EPOLLOUT);
    assert_int_equal(fixture.connection.state, CONNECTION_IDLE);
    assert_int_equal(fixture.traffic.stats.requests, 1);
    assert_int_equal(fixture.traffic.busy, 0);
}

static void connection_sends_the_body_after_the_head(void **state) {
    (void)state;
    static char received[REQUEST_BYTES + 100];
    size_t size = 0;
    fixture.plan.form = (struct request_form){.method = "POST", .body = "the body", .body_size = 8};
    connection_begin(&fixture.traffic, &fixture.connection);
    for (int i = 0; i < 1000 && size < REQUEST_BYTES + 8; i++) {
        ssize_t n = recv(fixture.peer, received + size, sizeof received - size, 0);
        size += n > 0 ? (size_t)n : 0;
        connection_handle(&fixture.traffic, &fixture.connection, EPOLLOUT);
    }
    assert_int_equal(size, REQUEST_BYTES + 8);
    assert_memory_equal(received + REQUEST_BYTES, "the body", 8);
    assert_int_equal(fixture.connection.state, CONNECTION_RECEIVING);
}

static void connection_is_not_reused_when_the_response_came_before_all_was_sent(void **state) {
    (void)state;
    connection_begin(&fixture.traffic, &fixture.connection);
    assert_int_equal(send(fixture.peer, HELLO, strlen(HELLO), 0), strlen(HELLO));
    connection_handle(&fixture.traffic, &fixture.connection, EPOLLIN);
    assert_int_equal(fixture.traffic.stats.requests, 1);
    assert_int_equal(fixture.connection.state, CONNECTION_CLOSED);
}

static void connection_that_is_idle_is_dropped_when_the_server_talks_or_closes(void **state) {
    (void)state;
    connection_handle(&fixture.traffic, &fixture.connection, EPOLLOUT);
    assert_int_equal(fixture.connection.state, CONNECTION_IDLE);
    connection_handle(&fixture.traffic, &fixture.connection, EPOLLIN | EPOLLOUT);
    assert_int_equal(fixture.connection.state, CONNECTION_IDLE); /* there was nothing */
    assert_int_equal(send(fixture.peer, "x", 1, 0), 1);
    connection_handle(&fixture.traffic, &fixture.connection, EPOLLIN | EPOLLOUT);
    assert_int_equal(fixture.connection.state, CONNECTION_CLOSED);
    assert_int_equal(fixture.traffic.stats.failures[LOAD_RESET], 0);
    connection_handle(&fixture.traffic, &fixture.connection, EPOLLIN | EPOLLHUP); /* a late event changes nothing */
    assert_int_equal(fixture.connection.state, CONNECTION_CLOSED);
}

static void connection_times_out_at_its_limit_and_waits_before_it_tries_again(void **state) {
    (void)state;
    struct traffic *traffic = &fixture.traffic;
    connection_begin(traffic, &fixture.connection);
    traffic->now_ns += NS_PER_S - 1;
    connection_tick(traffic, &fixture.connection);
    assert_int_equal(traffic->busy, 1);
    traffic->now_ns++;
    connection_tick(traffic, &fixture.connection);
    assert_int_equal(traffic->stats.failures[LOAD_TIMEOUT], 1);
    assert_int_equal(traffic->busy, 0);
    assert_int_equal(traffic->waiting, 1);
    traffic->now_ns += 10 * NS_PER_MS - 1;
    connection_tick(traffic, &fixture.connection);
    assert_int_equal(fixture.connection.state, CONNECTION_WAITING);
    traffic->now_ns++;
    connection_tick(traffic, &fixture.connection);
    assert_int_equal(fixture.connection.state, CONNECTION_CLOSED); /* no requests run here */
    assert_int_equal(traffic->waiting, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(connection_sends_a_large_request_in_parts, begin, end),
        cmocka_unit_test_setup_teardown(connection_sends_the_body_after_the_head, begin, end),
        cmocka_unit_test_setup_teardown(connection_is_not_reused_when_the_response_came_before_all_was_sent, begin,
                                        end),
        cmocka_unit_test_setup_teardown(connection_that_is_idle_is_dropped_when_the_server_talks_or_closes, begin, end),
        cmocka_unit_test_setup_teardown(connection_times_out_at_its_limit_and_waits_before_it_tries_again, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
