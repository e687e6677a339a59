/* bench_load [--threads N] [--rate N] [--requests N] [--http2] URL CONCURRENCY SECONDS: load a URL for that time, or until so many
 * requests were answered, and print one line of figures. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "load/load.h"

#define LOOK_NS (200 * NS_PER_MS) /* between two looks at how many there were */

static double us(const struct histogram *histogram, double percent) {
    return (double)histogram_percentile_ns(histogram, percent) / (double)NS_PER_US;
}

static void print_figures(const struct load_stats *stats) {
    uint64_t failures = load_stats_failures(stats), all = stats->requests + failures;
    printf(
        "requests/s %.0f  cpu-ns/request %.0f  p50-us %.1f  p99-us %.1f  uncorrected-p99-us %.1f  failures %llu  %s\n",
        (double)stats->requests * (double)NS_PER_S / (double)stats->elapsed_ns,
        all ? (double)stats->cpu_ns / (double)all : 0.0, us(stats->latency, 50), us(stats->latency, 99),
        us(stats->uncorrected, 99), (unsigned long long)failures, load_stats_first_failure(stats));
}

/* Without a number of requests nothing is looked at before the end: it would be measured too. */
static void wait_for(struct load *load, uint64_t ns, uint64_t requests, struct load_stats *stats) {
    uint64_t end_ns = clock_monotonic_ns() + ns;
    for (uint64_t now; (now = clock_monotonic_ns()) < end_ns;) {
        uint64_t rest = end_ns - now;
        if (requests && rest > LOOK_NS)
            rest = LOOK_NS;
        nanosleep(&(struct timespec){(time_t)(rest / NS_PER_S), (long)(rest % NS_PER_S)}, NULL);
        if (requests)
            load_snapshot(load, stats);
        if (requests && stats->requests >= requests)
            return;
    }
}

static int measure(struct load *load, double seconds, uint64_t requests) {
    struct load_stats before, after;
    if (load_stats_init(&before) || load_stats_init(&after))
        return 1;
    load_snapshot(load, &before);
    if (load_resume(load))
        return 1;
    wait_for(load, (uint64_t)(seconds * (double)NS_PER_S), requests, &after);
    load_snapshot(load, &after);
    load_pause(load);
    load_stats_since(&after, &before);
    print_figures(&after);
    load_stats_done(&before);
    load_stats_done(&after);
    return 0;
}

int main(int argc, char **argv) {
    static const struct option flags[] = {{"threads", required_argument, NULL, 't'},
                                          {"rate", required_argument, NULL, 'r'},
                                          {"requests", required_argument, NULL, 'n'},
                                          {"http2", no_argument, NULL, '2'},
                                          {0}};
    struct load_options options = {.n_urls = 1, .insecure = true};
    uint64_t requests = 0;
    for (int flag; (flag = getopt_long(argc, argv, "", flags, NULL)) != -1;) {
        options.threads = flag == 't' ? (unsigned)strtoul(optarg, NULL, 10) : options.threads;
        options.rate = flag == 'r' ? (unsigned)strtoul(optarg, NULL, 10) : options.rate;
        requests = flag == 'n' ? strtoull(optarg, NULL, 10) : requests;
        options.http2 |= flag == '2';
    }
    if (argc - optind != 3) {
        fprintf(stderr,
                "usage: bench_load [--threads N] [--rate N] [--requests N] [--http2] URL CONCURRENCY SECONDS\n");
        return 2;
    }
    options.urls = (const char *const *)&argv[optind];
    options.concurrency = (unsigned)strtoul(argv[optind + 1], NULL, 10);
    struct load *load;
    char why[512];
    if (load_new(&options, &load, why, sizeof why)) {
        fprintf(stderr, "bench_load: %s\n", why);
        return 1;
    }
    int status = measure(load, strtod(argv[optind + 2], NULL), requests);
    load_free(load);
    return status;
}
