/* The open model, on a server whose delays are scripted. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "load/load.h"
#include "load/schedule.h"

/* clang-format off */
#include <setjmp.h> /* cmocka.h needs these before it */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "base/clock.h"
#include "server.h"

#define HELLO "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
#define STALL_NS (600 * NS_PER_MS)

static struct server server;
static struct load_stats stats;
static atomic_ullong stall_end_ns; /* whoever asks before it gets the answer then */
static atomic_uint asked;
static struct histogram *truth; /* how long the server took, as it says itself */
static pthread_mutex_t truth_lock = PTHREAD_MUTEX_INITIALIZER;

static void sleep_until(uint64_t ns) {
    struct timespec when = {.tv_sec = (time_t)(ns / NS_PER_S), .tv_nsec = (long)(ns % NS_PER_S)};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, NULL);
}

static void serve_with_a_stall(struct server *at, int fd) {
    while (server_read_request(at, fd)) {
        sleep_until(atomic_load(&stall_end_ns));
        if (!server_write(fd, HELLO))
            return;
    }
}

/* 90 % take 20 ms, 8 % 50 ms, 2 % 150 ms. */
static void serve_with_known_delays(struct server *at, int fd) {
    while (server_read_request(at, fd)) {
        uint64_t begun_ns = clock_monotonic_ns();
        unsigned n = atomic_fetch_add(&asked, 1) % 100;
        sleep_until(begun_ns + (n < 90 ? 20 : n < 98 ? 50 : 150) * NS_PER_MS);
        pthread_mutex_lock(&truth_lock);
        histogram_record(truth, clock_monotonic_ns() - begun_ns);
        pthread_mutex_unlock(&truth_lock);
        if (!server_write(fd, HELLO))
            return;
    }
}

static void run(server_behaviour *behaviour, struct load_options options, uint64_t ns, uint64_t stall_at_ns) {
    const char *url = server.url;
    char why[500] = "";
    struct load *load;
    assert_true(server_start(&server, behaviour, false));
    options.urls = &url;
    options.n_urls = 1;
    if (load_new(&options, &load, why, sizeof why))
        fail_msg("%s", why);
    assert_int_equal(load_stats_init(&stats), 0);
    uint64_t begun_ns = clock_monotonic_ns();
    assert_int_equal(load_resume(load), 0);
    if (stall_at_ns) {
        sleep_until(begun_ns + stall_at_ns);
        atomic_store(&stall_end_ns, clock_monotonic_ns() + STALL_NS);
    }
    sleep_until(begun_ns + ns);
    load_snapshot(load, &stats);
    load_pause(load);
    load_free(load);
    server_stop(&server);
    if (load_stats_failures(&stats))
        fail_msg("%s", load_stats_first_failure(&stats));
}

static double ms(const struct histogram *histogram, double percent) {
    return (double)histogram_percentile_ns(histogram, percent) / (double)NS_PER_MS;
}

static void rate_is_kept_whatever_the_number_of_loops(void **state) {
    (void)state;
    for (unsigned threads = 1; threads <= 3; threads++) {
        run(serve_with_a_stall, (struct load_options){.concurrency = 8, .threads = threads, .rate = 1000}, NS_PER_S, 0);
        double planned = 1000 * (double)stats.elapsed_ns / (double)NS_PER_S;
        assert_in_range(stats.planned, (uint64_t)(planned * 0.8), (uint64_t)planned + 5);
        assert_true(stats.begun <= stats.planned);
        assert_in_range(stats.begun, stats.planned * 9 / 10, stats.planned);
        assert_int_equal(histogram_count(stats.uncorrected), stats.requests);
        assert_int_equal(histogram_count(stats.latency), stats.requests);
        load_stats_done(&stats);
    }
}

/* 600 of 2000 requests fall into the stall, but on the way are only four of them. */
static void rate_counts_what_a_stall_kept_from_being_sent(void **state) {
    (void)state;
    run(serve_with_a_stall, (struct load_options){.concurrency = 4, .rate = 1000}, 2 * NS_PER_S, NS_PER_S / 2);
    assert_true(ms(stats.latency, 99) > 450);
    assert_true(ms(stats.latency, 85) > 150);
    assert_true(ms(stats.uncorrected, 85) < 100);
    load_stats_done(&stats);

    run(serve_with_a_stall, (struct load_options){.concurrency = 4}, 2 * NS_PER_S, NS_PER_S / 2);
    assert_true(ms(stats.latency, 99) < 300); /* the closed model does not see it: that is why there is the other */
    assert_int_equal(histogram_count(stats.uncorrected), 0);
    load_stats_done(&stats);
}

static void rate_that_is_too_high_leaves_requests_unsent(void **state) {
    (void)state;
    truth = histogram_new();
    run(serve_with_known_delays, (struct load_options){.concurrency = 2, .rate = 1000}, NS_PER_S, 0);
    assert_true(stats.planned > 700);
    assert_true(stats.begun < 150);
    assert_true(ms(stats.latency, 99) > 400); /* and the longer it goes on the more */
    load_stats_done(&stats);
    histogram_free(truth);
}

/* Whether what was measured is what the server did; the answers wait for a CPU too. */
static bool latencies_fit(unsigned rate) {
    bool fit = true;
    truth = histogram_new();
    run(serve_with_known_delays, (struct load_options){.concurrency = 40, .rate = rate}, 3 * NS_PER_S / 2, 0);
    const double percents[] = {50, 95, 99};
    for (size_t i = 0; i < 3; i++) {
        double expected = ms(truth, percents[i]), got = ms(stats.latency, percents[i]);
        if (got < expected * 0.95 || got > expected * 1.4 + 5) {
            print_message("rate %u, p%g: %g ms, the server says %g ms\n", rate, percents[i], got, expected);
            fit = false;
        }
    }
    load_stats_done(&stats);
    histogram_free(truth);
    return fit;
}

#define ATTEMPTS 5 /* of which a busy machine does not spoil all */

static void latencies_are_those_of_the_server(void **state) {
    (void)state;
    for (unsigned rate = 0; rate <= 300; rate += 300) {
        bool fit = false;
        for (int i = 0; i < ATTEMPTS && !fit; i++)
            fit = latencies_fit(rate);
        assert_true(fit);
    }
}

static void schedule_gives_each_request_its_time_once(void **state) {
    (void)state;
    struct schedule schedule = {.interval_ns = 2.5};
    uint64_t planned;
    assert_false(schedule_take(&schedule, 1000, &planned)); /* it does not run */
    assert_int_equal(schedule_planned(&schedule, 1000), 0);
    schedule_start(&schedule, 1000);
    assert_false(schedule_take(&schedule, 999, &planned));
    static const uint64_t times[] = {1000, 1002, 1005, 1007, 1010};
    for (size_t i = 0; i < 5; i++) {
        assert_true(schedule_take(&schedule, 1011, &planned));
        assert_int_equal(planned, times[i]);
    }
    assert_false(schedule_take(&schedule, 1011, &planned));
    assert_int_equal(schedule_planned(&schedule, 1011), 5);
    schedule_stop(&schedule, 1025); /* six more were due */
    assert_int_equal(schedule_planned(&schedule, 5000), 11);
    schedule_start(&schedule, 6000);
    assert_int_equal(schedule_planned(&schedule, 6000), 12);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(schedule_gives_each_request_its_time_once),
        cmocka_unit_test(rate_is_kept_whatever_the_number_of_loops),
        cmocka_unit_test(rate_counts_what_a_stall_kept_from_being_sent),
        cmocka_unit_test(rate_that_is_too_high_leaves_requests_unsent),
        cmocka_unit_test(latencies_are_those_of_the_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
