/* The client against a server of a few lines, in a thread of its own, that answers by path. */
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "capture/capture.h"

#include <cmocka.h>

static int listener;
static pthread_t server;
static char base[64];
static struct capture *capture;
static volatile int stop;

static const struct {
    const char *path;
    const char *answer; /* NULL: none at all */
} answers[] = {
    {"/p/", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ngoroutine"},
    {"/p/heap", "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n12345678"},
    {"/p/chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"},
    {"/p/moved", "HTTP/1.1 307 Moved\r\nLocation: /p/heap\r\nContent-Length: 0\r\n\r\n"},
    {"/p/round", "HTTP/1.1 307 Moved\r\nLocation: /p/round\r\nContent-Length: 0\r\n\r\n"},
    {"/p/busy", "HTTP/1.1 500 No\r\nContent-Length: 24\r\n\r\nalready \033[2Jin use\nmore\n"},
    {"/p/torn", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n12345678"},
    {"/p/garbage", "this is no HTTP\r\n\r\n"},
    {"/p/slow", NULL},
    {"/other", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nother"},
};

static const char *answer_to(const char *path) {
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++)
        if (!strcmp(answers[i].path, path))
            return answers[i].answer;
    return "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
}

static void answer_one(int connection) {
    char request[4096] = "", path[256] = "";
    if (recv(connection, request, sizeof request - 1, 0) <= 0 || sscanf(request, "GET %255s", path) != 1)
        return;
    const char *answer = answer_to(path);
    char byte;
    if (answer)
        send(connection, answer, strlen(answer), MSG_NOSIGNAL);
    else
        (void)!recv(connection, &byte, 1, 0); /* until the client goes away */
}

static void *serve(void *unused) {
    (void)unused;
    for (int connection; (connection = accept(listener, NULL, NULL)) >= 0; close(connection))
        answer_one(connection);
    return NULL;
}

static int set_up(void **state) {
    (void)state;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(listener, 16), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    assert_int_equal(pthread_create(&server, NULL, serve, NULL), 0);
    snprintf(base, sizeof base, "http://127.0.0.1:%u", ntohs(address.sin_port));
    /* A proxy that the environment names must not be asked about loopback: nothing listens there. */
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    return capture_new(&(struct capture_options){.base = base, .prefix = "/p", .stop = &stop}, &capture);
}

static int tear_down(void **state) {
    (void)state;
    capture_free(capture);
    shutdown(listener, SHUT_RDWR);
    pthread_join(server, NULL);
    close(listener);
    return 0;
}

static void expect_body(const char *name, const char *body) {
    char why[CAPTURE_WHY_BYTES] = "";
    struct buffer got = BUFFER_INIT(0);
    buffer_add_string(&got, "before ");
    assert_int_equal(capture_get(capture, name, 0, 100, &got, why), 0);
    assert_memory_equal(got.data, "before ", 7);
    assert_string_equal(got.data + 7, body);
    buffer_done(&got);
}

/* The answer is an error whose sentence names the URL and the reason; nothing is added to what was there. */
static void expect_error(const char *name, size_t most, int error, const char *reason) {
    char why[CAPTURE_WHY_BYTES] = "";
    struct buffer got = BUFFER_INIT(0);
    assert_int_equal(capture_get(capture, name, 0, most, &got, why), error);
    assert_int_equal(got.size, 0);
    assert_memory_equal(why, base, strlen(base));
    assert_non_null(strstr(why, name));
    assert_non_null(strstr(why, reason));
    buffer_done(&got);
}

static void body_is_added_to_what_is_there(void **state) {
    (void)state;
    expect_body("heap", "12345678");
    expect_body("chunks", "abcde");
}

static void redirects_are_followed_and_endless_ones_given_up(void **state) {
    (void)state;
    expect_body("moved", "12345678");
    expect_error("round", 100, -EPROTO, "redirect");
}

static void answer_that_is_too_large_is_refused(void **state) {
    (void)state;
    expect_error("heap", 7, -EFBIG, "larger");
    expect_error("chunks", 4, -EFBIG, "larger");
}

static void status_and_first_line_of_an_error_are_told_without_control_characters(void **state) {
    (void)state;
    expect_error("busy", 100, -EPROTO, "it answered 500: already ");
    expect_error("nothing", 100, -EPROTO, "it answered 404");
    char why[CAPTURE_WHY_BYTES] = "";
    struct buffer got = BUFFER_INIT(0);
    capture_get(capture, "busy", 0, 100, &got, why);
    assert_null(strchr(why, '\033'));
    buffer_done(&got);
}

static void torn_and_garbled_answers_are_errors(void **state) {
    (void)state;
    expect_error("torn", 1000, -ECONNRESET, "");
    expect_error("garbage", 1000, -EPROTO, "");
}

static void other_paths_are_reached_from_the_root(void **state) {
    (void)state;
    char why[CAPTURE_WHY_BYTES] = "";
    struct buffer got = BUFFER_INIT(0);
    assert_int_equal(capture_get_path(capture, "/other", 0, 100, &got, why), 0);
    assert_string_equal(got.data, "other");
    buffer_done(&got);
}

static void check_needs_the_index_alone(void **state) {
    (void)state;
    char why[CAPTURE_WHY_BYTES] = "";
    assert_int_equal(capture_check(capture, why), 0);
    char index[96];
    snprintf(index, sizeof index, "%s/p/", base);
    assert_string_equal(capture_index_url(capture), index);
}

static void missing_status_is_no_entry(void **state) {
    (void)state;
    char why[CAPTURE_WHY_BYTES] = "";
    struct capture_status status;
    assert_int_equal(capture_status(capture, &status, why), -ENOENT);
}

static void nobody_there_is_connection_refused(void **state) {
    (void)state;
    struct capture *nobody = NULL;
    char why[CAPTURE_WHY_BYTES] = "";
    assert_int_equal(capture_new(&(struct capture_options){.base = "http://127.0.0.1:1", .prefix = "/p"}, &nobody), 0);
    assert_int_equal(capture_check(nobody, why), -ECONNREFUSED);
    assert_string_equal(why, "connection refused");
    capture_free(nobody);
}

static int ticks;

static void stop_after_three(void *data) {
    (void)data;
    if (++ticks == 3)
        stop = 1;
}

static void stop_flag_ends_a_transfer_soon_and_ticks_come_meanwhile(void **state) {
    (void)state;
    char why[CAPTURE_WHY_BYTES] = "";
    struct buffer got = BUFFER_INIT(0);
    uint64_t start = clock_monotonic_ns();
    capture_set_tick(capture, stop_after_three, NULL);
    assert_int_equal(capture_get(capture, "slow", 30, 100, &got, why), -ECANCELED);
    capture_set_tick(capture, NULL, NULL);
    stop = 0;
    assert_int_equal(ticks, 3);
    assert_true(clock_monotonic_ns() - start < 5 * NS_PER_S);
    expect_body("heap", "12345678"); /* and the client is still of use */
    buffer_done(&got);
}

static void cancel_after_two(void *data) {
    if (++*(unsigned *)data == 2)
        capture_cancel(capture);
}

static void cancelling_ends_the_transfer_under_way_and_no_other(void **state) {
    (void)state;
    struct buffer body = BUFFER_INIT(100);
    char why[CAPTURE_WHY_BYTES];
    unsigned calls = 0;
    capture_set_tick(capture, cancel_after_two, &calls);
    assert_int_equal(capture_get(capture, "slow", 3600, 100, &body, why), -ECANCELED);
    assert_int_equal(calls, 2);
    assert_int_equal(capture_get(capture, "heap", 0, 100, &body, why), 0);
    capture_cancel(capture); /* nothing is under way */
    assert_int_equal(capture_get(capture, "heap", 0, 100, &body, why), 0);
    capture_set_tick(capture, NULL, NULL);
    buffer_done(&body);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(body_is_added_to_what_is_there),
        cmocka_unit_test(redirects_are_followed_and_endless_ones_given_up),
        cmocka_unit_test(answer_that_is_too_large_is_refused),
        cmocka_unit_test(status_and_first_line_of_an_error_are_told_without_control_characters),
        cmocka_unit_test(torn_and_garbled_answers_are_errors),
        cmocka_unit_test(other_paths_are_reached_from_the_root),
        cmocka_unit_test(check_needs_the_index_alone),
        cmocka_unit_test(missing_status_is_no_entry),
        cmocka_unit_test(nobody_there_is_connection_refused),
        cmocka_unit_test(cancelling_ends_the_transfer_under_way_and_no_other),
        cmocka_unit_test(stop_flag_ends_a_transfer_soon_and_ticks_come_meanwhile),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
