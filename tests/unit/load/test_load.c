#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "load/load.h"

/* clang-format off */
#include <setjmp.h> /* cmocka.h needs these before it */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "base/clock.h"
#include "server.h"

#define OK "HTTP/1.1 200 OK\r\n"
#define HELLO OK "Content-Length: 5\r\n\r\nhello"
#define BIG_BYTES (5u << 20)

static void serve_normal(struct server *server, int fd) {
    while (server_read_request(server, fd) && server_write(fd, HELLO))
        ;
}

static void serve_chunked(struct server *server, int fd) {
    while (server_read_request(server, fd) &&
           server_write(fd, OK "Transfer-Encoding: chunked\r\n\r\n3;x=y\r\nhel\r\n2\r") &&
           server_write(fd, "\nlo\r\n0\r\nTrailer: x\r\n\r\n"))
        ;
}

static void serve_one_and_close(struct server *server, int fd) {
    if (server_read_request(server, fd))
        server_write(fd, OK "Connection: close\r\nContent-Length: 5\r\n\r\nhello");
}

static void serve_until_close(struct server *server, int fd) {
    if (server_read_request(server, fd))
        server_write(fd, "HTTP/1.0 200 OK\r\n\r\nhello");
}

/* Says nothing of it, and is so late that the close crosses the next request. */
static void serve_some_and_close(struct server *server, int fd) {
    for (int i = 0; i < 3 && server_read_request(server, fd); i++)
        server_write(fd, HELLO);
    usleep(3000);
}

/* Says no more, but goes on to read: who asks it again waits for ever. */
static void serve_one_and_half_close(struct server *server, int fd) {
    if (server_read_request(server, fd)) {
        send(fd, HELLO, strlen(HELLO), MSG_NOSIGNAL | MSG_MORE); /* the end comes along with it */
        shutdown(fd, SHUT_WR);
    }
    char bytes[100];
    while (recv(fd, bytes, sizeof bytes, 0) > 0)
        ;
}

static void serve_status_500(struct server *server, int fd) {
    while (server_read_request(server, fd) && server_write(fd, "HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\nno"))
        ;
}

static void serve_drip(struct server *server, int fd) {
    while (server_read_request(server, fd))
        for (const char *c = OK "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"; *c; c++)
            if (!server_write(fd, (char[]){*c, '\0'}))
                return;
}

static void serve_reset(struct server *server, int fd) {
    struct linger linger = {.l_onoff = 1, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    server_read_request(server, fd);
}

static void serve_half(struct server *server, int fd) {
    if (server_read_request(server, fd))
        server_write(fd, OK "Content-Length: 5\r\n\r\nhel");
}

static void serve_nothing(struct server *server, int fd) {
    while (server_read_request(server, fd))
        ;
}

static void serve_garbage(struct server *server, int fd) {
    if (server_read_request(server, fd))
        server_write(fd, "SSH-2.0-OpenSSH_9\r\n");
}

static void serve_too_much(struct server *server, int fd) {
    if (server_read_request(server, fd))
        server_write(fd, HELLO "!");
}

static void serve_after_20_ms(struct server *server, int fd) {
    while (server_read_request(server, fd)) {
        usleep(20000);
        if (!server_write(fd, HELLO))
            return;
    }
}

static void serve_big_body(struct server *server, int fd) {
    static const char body[BIG_BYTES];
    char head[100];
    snprintf(head, sizeof head, OK "Content-Length: %u\r\n\r\n", BIG_BYTES);
    while (server_read_request(server, fd) && server_write(fd, head))
        for (size_t at = 0; at < BIG_BYTES;) {
            ssize_t n = send(fd, body + at, BIG_BYTES - at, MSG_NOSIGNAL);
            if (n <= 0)
                return;
            at += (size_t)n;
        }
}

static void serve_big_head(struct server *server, int fd) {
    char head[70000];
    size_t at = (size_t)sprintf(head, OK "Content-Length: 5\r\nLong: ");
    memset(head + at, 'x', 60000);
    strcpy(head + at + 60000, "\r\n\r\nhello");
    while (server_read_request(server, fd) && server_write(fd, head))
        ;
}

/* A server, a load on it, and its figures since the start. */
static struct server server;
static const char *const server_url = server.url;
static struct load *load;
static struct load_stats stats;

static void begin_with(server_behaviour *behaviour, struct load_options options) {
    char why[500] = "";
    assert_true(server_start(&server, behaviour, false));
    options.urls = options.urls ? options.urls : &server_url;
    options.n_urls = options.n_urls ? options.n_urls : 1;
    if (load_new(&options, &load, why, sizeof why))
        fail_msg("%s", why);
    assert_int_equal(load_stats_init(&stats), 0);
}

static void begin(server_behaviour *behaviour) {
    begin_with(behaviour, (struct load_options){.concurrency = 4});
}

static void end(void) {
    load_free(load);
    load_stats_done(&stats);
    server_stop(&server);
}

static uint64_t all_failures(void) {
    return load_stats_failures(&stats);
}

/* Run until there are so many answers, for 5 s at most, then pause: what was sent has been answered. */
static void run_until(uint64_t answers) {
    assert_int_equal(load_resume(load), 0);
    uint64_t deadline_ns = clock_monotonic_ns() + 5 * NS_PER_S;
    do {
        usleep(2000);
        load_snapshot(load, &stats);
    } while (stats.requests + all_failures() < answers && clock_monotonic_ns() < deadline_ns);
    load_pause(load);
    load_snapshot(load, &stats);
    assert_true(stats.requests + all_failures() >= answers);
    assert_int_equal(histogram_count(stats.latency), stats.requests);
}

/* All requests were answered, as the server counts them, and none failed. */
static void assert_all_answered(void) {
    if (all_failures())
        fail_msg("%s", load_stats_first_failure(&stats));
    assert_int_equal(stats.requests, atomic_load(&server.requests)); /* a retry is of one that it did not read */
    assert_string_equal(load_stats_first_failure(&stats), "");
}

/* All requests failed so. */
static void assert_all_failed(enum load_failure failure, const char *text) {
    assert_int_equal(stats.requests, 0);
    assert_int_equal(stats.failures[failure], all_failures());
    if (!strstr(load_stats_first_failure(&stats), text))
        fail_msg("\"%s\" does not say \"%s\"", load_stats_first_failure(&stats), text);
}

static void load_counts_each_answered_request_once(void **state) {
    (void)state;
    begin(serve_normal);
    run_until(2000);
    assert_all_answered();
    assert_int_equal(stats.body_bytes, 5 * stats.requests);
    end();
}

static void load_keeps_its_connections_over_all_phases(void **state) {
    (void)state;
    begin_with(serve_normal, (struct load_options){.concurrency = 7, .threads = 3});
    for (uint64_t phase = 1; phase <= 4; phase++)
        run_until(phase * 500);
    assert_all_answered();
    assert_int_equal(atomic_load(&server.connections), 7 + 1); /* load_new's check is one */
    end();
}

static void load_sends_nothing_while_it_is_paused(void **state) {
    (void)state;
    begin(serve_normal);
    usleep(20000);
    assert_int_equal(atomic_load(&server.requests), 0);
    run_until(10);
    unsigned long before = atomic_load(&server.requests);
    usleep(50000);
    assert_int_equal(atomic_load(&server.requests), before);
    assert_all_answered();
    end();
}

static void load_reads_chunked_responses(void **state) {
    (void)state;
    begin(serve_chunked);
    run_until(500);
    assert_all_answered();
    assert_int_equal(stats.body_bytes, 5 * stats.requests);
    assert_int_equal(atomic_load(&server.connections), 4 + 1);
    end();
}

static void load_reads_a_response_that_drips(void **state) {
    (void)state;
    begin(serve_drip);
    run_until(50);
    assert_all_answered();
    assert_int_equal(stats.body_bytes, 5 * stats.requests);
    end();
}

static void load_connects_anew_when_the_server_closes_each_time(void **state) {
    (void)state;
    begin(serve_one_and_close);
    run_until(300);
    assert_all_answered();
    end();
    begin(serve_until_close);
    run_until(300);
    assert_all_answered();
    assert_int_equal(stats.body_bytes, 5 * stats.requests);
    end();
}

static void load_sends_again_when_a_kept_connection_was_closed(void **state) {
    (void)state;
    begin(serve_some_and_close);
    run_until(300);
    assert_all_answered();
    assert_in_range(stats.retries, 1, stats.requests / 3 + 4);
    assert_true(atomic_load(&server.connections) > 100);
    end();
}

static void load_leaves_a_connection_whose_end_came_with_the_response(void **state) {
    (void)state;
    begin(serve_one_and_half_close);
    run_until(100);
    assert_all_answered();
    assert_int_equal(stats.retries, 0);
    end();
}

static void load_counts_a_bad_status_as_failure_and_keeps_the_connection(void **state) {
    (void)state;
    begin(serve_status_500);
    run_until(500);
    assert_all_failed(LOAD_STATUS, "status 500");
    assert_int_equal(all_failures(), atomic_load(&server.requests));
    assert_int_equal(atomic_load(&server.connections), 4 + 1);
    end();
}

static void load_names_what_broke(void **state) {
    (void)state;
    static const struct {
        server_behaviour *behaviour;
        enum load_failure failure;
        const char *text;
    } cases[] = {
        {serve_reset, LOAD_RESET, "Connection reset by peer"},
        {serve_half, LOAD_RESET, "closed in the middle of a response"},
        {serve_garbage, LOAD_PROTOCOL, "not an HTTP/1 response"},
        {serve_too_much, LOAD_PROTOCOL, "bytes after the end of a response"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        begin(cases[i].behaviour);
        run_until(8);
        assert_all_failed(cases[i].failure, cases[i].text);
        assert_int_equal(all_failures(), atomic_load(&server.requests));
        assert_non_null(strstr(load_stats_first_failure(&stats), "127.0.0.1:"));
        end();
    }
}

static void load_gives_up_a_request_that_takes_too_long(void **state) {
    (void)state;
    begin_with(serve_nothing, (struct load_options){.concurrency = 3, .timeout_ns = 50 * NS_PER_MS});
    run_until(6);
    assert_all_failed(LOAD_TIMEOUT, "no whole response within 0.05 s");
    end();
}

static void load_pause_drops_what_does_not_end_uncounted(void **state) {
    (void)state;
    begin(serve_nothing);
    assert_int_equal(load_resume(load), 0);
    usleep(20000);
    uint64_t begun_ns = clock_monotonic_ns();
    load_pause(load);
    uint64_t took_ns = clock_monotonic_ns() - begun_ns;
    load_snapshot(load, &stats);
    assert_int_equal(stats.requests + all_failures(), 0);
    assert_true(took_ns >= 90 * NS_PER_MS && took_ns < 3 * NS_PER_S);
    end();
}

static void load_does_not_hammer_a_target_that_refuses(void **state) {
    (void)state;
    begin(serve_normal);
    run_until(100);
    assert_all_answered();
    uint64_t requests = stats.requests;
    server_stop(&server);
    uint64_t cpu_ns = stats.cpu_ns;
    assert_int_equal(load_resume(load), 0);
    usleep(500000);
    load_pause(load);
    load_snapshot(load, &stats);
    assert_int_equal(stats.requests, requests);
    assert_int_equal(stats.failures[LOAD_REFUSED], all_failures());
    assert_in_range(all_failures(), 4, 4 * 10); /* 10 + 20 + 40 + 80 + 160 + 160 ms each */
    assert_true(stats.cpu_ns - cpu_ns < 100 * NS_PER_MS);
    char text[64];
    snprintf(text, sizeof text, "connect %.*s: Connection refused", (int)strcspn(server.url + 7, "/"), server.url + 7);
    assert_string_equal(load_stats_first_failure(&stats), text);
    load_free(load);
    load_stats_done(&stats);
}

static void load_measures_from_the_send_to_the_last_byte(void **state) {
    (void)state;
    begin(serve_after_20_ms);
    run_until(20);
    assert_all_answered();
    assert_in_range(histogram_min_ns(stats.latency), 20 * NS_PER_MS, 200 * NS_PER_MS);
    assert_true(histogram_mean_ns(stats.latency) >= 20.0 * (double)NS_PER_MS);
    end();
}

static void load_counts_large_bodies_and_reads_large_heads(void **state) {
    (void)state;
    begin(serve_big_body);
    run_until(20);
    assert_all_answered();
    assert_int_equal(stats.body_bytes, stats.requests * BIG_BYTES);
    end();
    begin(serve_big_head);
    run_until(50);
    assert_all_answered();
    assert_int_equal(stats.body_bytes, stats.requests * 5);
    end();
}

static void load_sends_headers_of_any_size(void **state) {
    (void)state;
    char *header = malloc(60001);
    memset(header, 'x', 60000);
    header[1] = ':';
    header[60000] = '\0';
    const char *headers[] = {header, "Cookie: a=b"};
    begin_with(serve_normal, (struct load_options){.concurrency = 4, .headers = headers, .n_headers = 2});
    run_until(50);
    assert_all_answered();
    end();
    free(header);
}

static void load_works_over_ipv6(void **state) {
    (void)state;
    if (!server_start(&server, serve_normal, true))
        skip();
    char why[500];
    struct load_options options = {.urls = &server_url, .n_urls = 1, .concurrency = 2};
    assert_int_equal(load_new(&options, &load, why, sizeof why), 0);
    assert_int_equal(load_stats_init(&stats), 0);
    run_until(50);
    assert_all_answered();
    end();
}

/* Answers what the path asks for, and remembers which paths were asked. */
static atomic_uint asked_a, asked_b, asked_post;
static void serve_paths(struct server *at, int fd) {
    char head[4096];
    while (server_read_head(at, fd, head, sizeof head)) {
        const char *answer = HELLO;
        if (!strncmp(head, "GET /a ", 7))
            atomic_fetch_add(&asked_a, 1);
        else if (!strncmp(head, "GET /b ", 7))
            atomic_fetch_add(&asked_b, 1);
        else if (!strncmp(head, "POST /", 6))
            atomic_fetch_add(&asked_post, 1);
        if (!strncmp(head, "GET /away", 9))
            answer = "HTTP/1.1 302 Found\r\nLocation: http://elsewhere.example/\r\nContent-Length: 0\r\n\r\n";
        else if (!strncmp(head, "GET /nowhere", 12))
            answer = "HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n";
        else if (!strncmp(head, "GET /round", 10))
            answer = "HTTP/1.1 301 Moved\r\nLocation: /round\r\nContent-Length: 3\r\n\r\nabc";
        else if (!strncmp(head, "POST /form", 10) || !strncmp(head, "GET /dir/x", 10))
            answer = "HTTP/1.1 303 See Other\r\nConnection: close\r\nLocation: ../b?\r\nContent-Length: 0\r\n\r\n";
        else if (!strncmp(head, "POST /keep", 10))
            answer = "HTTP/1.1 307 Again\r\nLocation: kept\r\nContent-Length: 0\r\n\r\n";
        else if (!strncmp(head, "HEAD /", 6))
            answer = OK "Content-Length: 1000000\r\n\r\n";
        if (!server_write(fd, answer))
            return;
    }
}

static void load_at_paths(const char *const *paths, size_t n, struct load_options options, uint64_t answers) {
    char why[500] = "", urls[4][100];
    const char *pointers[4];
    assert_true(server_start(&server, serve_paths, false));
    asked_a = asked_b = asked_post = 0;
    for (size_t i = 0; i < n; i++) {
        snprintf(urls[i], sizeof urls[i], "%.*s%s", (int)(strrchr(server.url, '/') - server.url), server.url, paths[i]);
        pointers[i] = urls[i];
    }
    options.urls = pointers;
    options.n_urls = n;
    options.concurrency = 4;
    if (load_new(&options, &load, why, sizeof why))
        fail_msg("%s", why);
    assert_int_equal(load_stats_init(&stats), 0);
    run_until(answers);
}

static void load_asks_for_several_urls_in_turn(void **state) {
    (void)state;
    load_at_paths((const char *[]){"/a", "/b", "/c"}, 3, (struct load_options){0}, 600);
    assert_all_answered();
    assert_in_range(asked_a, stats.requests / 3 - 4, stats.requests / 3 + 4);
    assert_in_range(asked_b, stats.requests / 3 - 4, stats.requests / 3 + 4);
    end();
}

static void load_follows_redirects_on_the_same_server(void **state) {
    (void)state;
    load_at_paths((const char *[]){"/dir/x"}, 1, (struct load_options){.follow = true}, 100);
    if (all_failures())
        fail_msg("%s", load_stats_first_failure(&stats));
    assert_int_equal(stats.requests, asked_b);
    assert_in_range(stats.redirects, stats.requests, stats.requests + 4);
    assert_int_equal(stats.body_bytes, 5 * stats.requests);
    end();
}

static void load_turns_a_post_into_a_get_where_the_redirect_says_so(void **state) {
    (void)state;
    load_at_paths((const char *[]){"/form"}, 1, (struct load_options){.follow = true, .body = "x=1", .body_size = 3},
                  50);
    assert_int_equal(stats.requests, asked_b);
    end();
    load_at_paths((const char *[]){"/keep"}, 1, (struct load_options){.follow = true, .body = "x=1", .body_size = 3},
                  50);
    assert_int_equal(all_failures(), 0);
    assert_in_range(asked_post, 2 * stats.requests, 2 * stats.requests + 4);
    end();
}

static void load_counts_redirects_that_cannot_be_followed(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"/away", "status 302: redirected to another server: http://elsewhere.example/"},
        {"/nowhere", "status 302: without a Location"},
        {"/round", "status 301: more than 10 redirects"},
    };
    for (size_t i = 0; i < 3; i++) {
        load_at_paths(&cases[i][0], 1, (struct load_options){.follow = true}, 20);
        assert_all_failed(LOAD_REDIRECT, cases[i][1]);
        end();
    }
}

static void load_takes_redirects_for_answers_unless_told(void **state) {
    (void)state;
    load_at_paths((const char *[]){"/away"}, 1, (struct load_options){0}, 20);
    assert_all_answered();
    end();
}

static void load_knows_that_a_head_has_no_body(void **state) {
    (void)state;
    load_at_paths((const char *[]){"/a"}, 1, (struct load_options){.method = "HEAD"}, 100);
    assert_all_answered();
    assert_int_equal(stats.body_bytes, 0);
    end();
}

static void load_works_over_a_unix_socket(void **state) {
    (void)state;
    char path[64];
    snprintf(path, sizeof path, "/tmp/piko-test-%d", getpid());
    assert_true(server_start_unix(&server, serve_normal, path));
    const char *url = "http://some.host/x";
    char why[500] = "";
    struct load_options options = {.urls = &url, .n_urls = 1, .concurrency = 4, .unix_path = path};
    if (load_new(&options, &load, why, sizeof why))
        fail_msg("%s", why);
    assert_int_equal(load_stats_init(&stats), 0);
    run_until(500);
    assert_all_answered();
    end();
    unlink(path);
}

static void load_lists_failures_one_by_one(void **state) {
    (void)state;
    struct load_error *errors;
    begin(serve_status_500);
    run_until(100);
    size_t n = load_take_errors(load, &errors);
    assert_int_equal(n, all_failures());
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(errors[i].failure, LOAD_STATUS);
        assert_int_equal(errors[i].status, 500);
        assert_string_equal(errors[i].text, "status 500");
    }
    free(errors);
    assert_int_equal(load_take_errors(load, &errors), 0);
    assert_null(errors);
    run_until(LOAD_ERRORS_MAX + 500);
    run_until(2 * LOAD_ERRORS_MAX);
    assert_int_equal(load_take_errors(load, &errors), LOAD_ERRORS_MAX);
    free(errors);
    end();
}

static void load_keeps_the_first_and_the_last_example_since_it_went_on(void **state) {
    (void)state;
    begin(serve_status_500);
    run_until(20);
    uint64_t last_ns = stats.examples[LOAD_STATUS].last_ns;
    assert_string_equal(stats.examples[LOAD_STATUS].last, "status 500");
    run_until(40);
    assert_true(stats.examples[LOAD_STATUS].first_ns > last_ns);
    end();
}

static void *snapshot_often(void *argument) {
    struct load_stats *last = argument, now;
    assert_int_equal(load_stats_init(&now), 0);
    for (int i = 0; i < 100; i++) {
        load_snapshot(load, &now);
        if (histogram_count(now.latency) != now.requests || now.requests < last->requests ||
            now.body_bytes < 5 * now.requests || now.body_bytes > 5 * now.requests + 5ull * 4)
            return argument;
        last->requests = now.requests;
        usleep(500);
    }
    load_stats_done(&now);
    return NULL;
}

static void load_snapshot_is_consistent_at_any_moment_on_any_thread(void **state) {
    (void)state;
    begin_with(serve_normal, (struct load_options){.concurrency = 4, .threads = 2});
    pthread_t threads[2];
    struct load_stats last[2] = {0};
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, snapshot_often, &last[i]), 0);
    run_until(1000);
    run_until(3000);
    for (int i = 0; i < 2; i++) {
        void *wrong;
        pthread_join(threads[i], &wrong);
        assert_null(wrong);
    }
    assert_all_answered();
    end();
}

static void load_stats_since_are_the_figures_between(void **state) {
    (void)state;
    begin(serve_normal);
    struct load_stats before;
    assert_int_equal(load_stats_init(&before), 0);
    run_until(100);
    load_snapshot(load, &before);
    unsigned long counted = atomic_load(&server.requests);
    run_until(500);
    load_stats_since(&stats, &before);
    assert_int_equal(stats.requests, atomic_load(&server.requests) - counted);
    assert_int_equal(histogram_count(stats.latency), stats.requests);
    assert_int_equal(stats.body_bytes, stats.requests * 5);
    assert_in_range(stats.elapsed_ns, 1, 6 * NS_PER_S);
    load_stats_done(&before);
    end();
}

static void load_new_says_what_is_wrong(void **state) {
    (void)state;
    assert_true(server_start(&server, serve_normal, false));
    char refused[64], elsewhere[64], long_path[200];
    strcpy(refused, server.url);
    snprintf(elsewhere, sizeof elsewhere, "https%s", strchr(server.url, ':'));
    memset(long_path, 'x', sizeof long_path);
    long_path[sizeof long_path - 1] = '\0';
    const char *bad_header = "bad";
    const struct {
        const char *urls[2];
        struct load_options options;
        int error;
        const char *why;
    } cases[] = {
        {{server.url}, {.concurrency = 0}, -EINVAL, "--concurrency must be at least 1"},
        {{server.url}, {.concurrency = 4000000000u}, -EMFILE, "--concurrency 4000000000 needs"},
        {{"notaurl"}, {.concurrency = 1}, -EINVAL, "no scheme"},
        {{server.url, elsewhere}, {.concurrency = 1}, -EINVAL, "is on another server than"},
        {{server.url}, {.concurrency = 1, .headers = &bad_header, .n_headers = 1}, -EINVAL, "\"bad\""},
        {{server.url}, {.concurrency = 1, .method = "A B"}, -EINVAL, "--method"},
        {{server.url}, {.concurrency = 1, .unix_path = long_path}, -EINVAL, "--unix"},
        {{server.url},
         {.concurrency = 1, .unix_path = "/nonexistent/socket"},
         -ENOENT,
         "connect /nonexistent/socket: "},
        {{"https://localhost/"}, {.concurrency = 1, .ca_file = "/nonexistent"}, -EINVAL, "--cacert /nonexistent"},
        {{"http://host.invalid/"}, {.concurrency = 1}, 0, "host host.invalid: "},
        {{refused}, {.concurrency = 1}, -ECONNREFUSED, ": Connection refused"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char why[500] = "";
        if (cases[i].urls[0] == refused)
            server_stop(&server);
        struct load_options options = cases[i].options;
        options.urls = cases[i].urls;
        options.n_urls = cases[i].urls[1] ? 2 : 1;
        int error = load_new(&options, &load, why, sizeof why);
        assert_true(error < 0 && (!cases[i].error || error == cases[i].error));
        if (!strstr(why, cases[i].why))
            fail_msg("\"%s\" does not say \"%s\"", why, cases[i].why);
    }
    load_free(NULL);
    load_stats_done(&(struct load_stats){0});
}

static void load_failures_have_names(void **state) {
    (void)state;
    assert_string_equal(load_failure_name(LOAD_REFUSED), "refused");
    assert_string_equal(load_failure_name(LOAD_STATUS), "status");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(load_counts_each_answered_request_once),
        cmocka_unit_test(load_keeps_its_connections_over_all_phases),
        cmocka_unit_test(load_sends_nothing_while_it_is_paused),
        cmocka_unit_test(load_reads_chunked_responses),
        cmocka_unit_test(load_reads_a_response_that_drips),
        cmocka_unit_test(load_connects_anew_when_the_server_closes_each_time),
        cmocka_unit_test(load_sends_again_when_a_kept_connection_was_closed),
        cmocka_unit_test(load_leaves_a_connection_whose_end_came_with_the_response),
        cmocka_unit_test(load_counts_a_bad_status_as_failure_and_keeps_the_connection),
        cmocka_unit_test(load_names_what_broke),
        cmocka_unit_test(load_gives_up_a_request_that_takes_too_long),
        cmocka_unit_test(load_pause_drops_what_does_not_end_uncounted),
        cmocka_unit_test(load_does_not_hammer_a_target_that_refuses),
        cmocka_unit_test(load_measures_from_the_send_to_the_last_byte),
        cmocka_unit_test(load_counts_large_bodies_and_reads_large_heads),
        cmocka_unit_test(load_sends_headers_of_any_size),
        cmocka_unit_test(load_works_over_ipv6),
        cmocka_unit_test(load_asks_for_several_urls_in_turn),
        cmocka_unit_test(load_follows_redirects_on_the_same_server),
        cmocka_unit_test(load_turns_a_post_into_a_get_where_the_redirect_says_so),
        cmocka_unit_test(load_counts_redirects_that_cannot_be_followed),
        cmocka_unit_test(load_takes_redirects_for_answers_unless_told),
        cmocka_unit_test(load_knows_that_a_head_has_no_body),
        cmocka_unit_test(load_works_over_a_unix_socket),
        cmocka_unit_test(load_lists_failures_one_by_one),
        cmocka_unit_test(load_keeps_the_first_and_the_last_example_since_it_went_on),
        cmocka_unit_test(load_snapshot_is_consistent_at_any_moment_on_any_thread),
        cmocka_unit_test(load_stats_since_are_the_figures_between),
        cmocka_unit_test(load_new_says_what_is_wrong),
        cmocka_unit_test(load_failures_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
