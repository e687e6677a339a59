/* bench_load URL CONCURRENCY SECONDS [THREADS]: load a URL and print one line of figures. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "load/load.h"

static void print_figures(const struct load_stats *stats) {
    uint64_t failures = load_stats_failures(stats);
    uint64_t all = stats->requests + failures;
    printf("requests/s %.0f  cpu-ns/request %.0f  p50-us %.1f  p99-us %.1f  failures %llu  %s\n",
           (double)stats->requests * (double)NS_PER_S / (double)stats->elapsed_ns,
           all ? (double)stats->cpu_ns / (double)all : 0.0,
           (double)histogram_percentile_ns(stats->latency, 50) / (double)NS_PER_US,
           (double)histogram_percentile_ns(stats->latency, 99) / (double)NS_PER_US, (unsigned long long)failures,
           load_stats_first_failure(stats));
}

static int measure(struct load *load, double seconds) {
    struct load_stats before, after;
    if (load_stats_init(&before) || load_stats_init(&after))
        return 1;
    load_snapshot(load, &before);
    if (load_resume(load))
        return 1;
    struct timespec pause = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * (double)NS_PER_S)};
    nanosleep(&pause, NULL);
    load_snapshot(load, &after);
    load_pause(load);
    load_stats_since(&after, &before);
    print_figures(&after);
    load_stats_done(&before);
    load_stats_done(&after);
    return 0;
}

int main(int argc, char **argv) {
    if (argc < 4 || argc > 5) {
        fprintf(stderr, "usage: bench_load URL CONCURRENCY SECONDS [THREADS]\n");
        return 2;
    }
    struct load_options options = {
        .urls = (const char *const *)&argv[1],
        .n_urls = 1,
        .insecure = true,
        .concurrency = (unsigned)strtoul(argv[2], NULL, 10),
        .threads = argc > 4 ? (unsigned)strtoul(argv[4], NULL, 10) : 1,
    };
    struct load *load;
    char why[512];
    if (load_new(&options, &load, why, sizeof why)) {
        fprintf(stderr, "bench_load: %s\n", why);
        return 1;
    }
    int status = measure(load, strtod(argv[3], NULL));
    load_free(load);
    return status;
}
