/* Whether the figures of a phase are the server's: the load generator says so itself when it was the limit. */
#include "base/clock.h"
#include "cli/profile_run.h"
#include "load/figures.h"

#define JUDGED_LEAST_NS (NS_PER_S / 2) /* a phase that failed at once says nothing */
#define RATE_SHARE_LEAST 0.99
#define BUSY_SHARE_LIMIT 0.90 /* of the time of the generator's threads, that they worked or waited for a core */
#define WAIT_SHARE_LIMIT 0.25 /* that they waited for a core, before the machine gets the blame */

static bool is_limit(const struct load_stats *stats, unsigned threads) {
    double time = (double)stats->elapsed_ns * threads;
    return (double)(stats->cpu_ns + stats->wait_ns) > BUSY_SHARE_LIMIT * time;
}

static void warn_of_rate(struct profile_run *run, const char *phase, const struct load_stats *stats, bool limit) {
    double seconds = (double)stats->elapsed_ns / (double)NS_PER_S;
    if (!stats->planned || (double)stats->begun >= RATE_SHARE_LEAST * (double)stats->planned)
        return;
    run_warn(run,
             "%s: THE RATE WAS NOT MET: %s requests/s were planned, %s/s were sent (%.1f%%); latencies count from when "
             "requests should have been sent. %s",
             phase, figure_count((uint64_t)((double)stats->planned / seconds)).text,
             figure_count((uint64_t)((double)stats->begun / seconds)).text,
             100.0 * (double)stats->begun / (double)stats->planned,
             limit ? "The load generator or its machine was the limit"
                   : "All connections waited for the server, or for --concurrency");
}

void load_verdict(struct profile_run *run, const char *phase, const struct load_stats *stats) {
    unsigned threads = load_threads(run->load);
    bool limit = is_limit(stats, threads);
    double time = (double)stats->elapsed_ns * threads;
    if (stats->elapsed_ns < JUDGED_LEAST_NS)
        return;
    warn_of_rate(run, phase, stats, limit);
    if (!limit)
        return;
    if ((double)stats->wait_ns > WAIT_SHARE_LIMIT * time)
        run_warn(
            run,
            "%s: the machine has too few cores for server and load: the load generator waited for one %.0f%% of the "
            "time, and latencies count that",
            phase, 100.0 * (double)stats->wait_ns / time);
    else
        run_warn(run,
                 "%s: the load generator was the limit, not the server: its %u thread%s worked %.0f%% of the time; try "
                 "--threads %u",
                 phase, threads, threads == 1 ? "" : "s", 100.0 * (double)stats->cpu_ns / time, threads * 2);
}
