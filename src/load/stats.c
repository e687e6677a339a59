#include "load/stats.h"

#include <errno.h>

int load_stats_init(struct load_stats *stats) {
    *stats =
        (struct load_stats){.latency = histogram_new(), .uncorrected = histogram_new(), .send_delay = histogram_new()};
    return stats->latency && stats->uncorrected && stats->send_delay ? 0 : -ENOMEM;
}

void load_stats_done(struct load_stats *stats) {
    histogram_free(stats->latency);
    histogram_free(stats->uncorrected);
    histogram_free(stats->send_delay);
    stats->latency = stats->uncorrected = stats->send_delay = NULL;
}

/* Everything but the histograms. */
static void copy_plain(struct load_stats *to, const struct load_stats *from) {
    struct load_stats kept = *to;
    *to = *from;
    to->latency = kept.latency;
    to->uncorrected = kept.uncorrected;
    to->send_delay = kept.send_delay;
}

void stats_reset(struct load_stats *stats) {
    histogram_reset(stats->latency);
    histogram_reset(stats->uncorrected);
    histogram_reset(stats->send_delay);
    copy_plain(stats, &(struct load_stats){0});
}

void stats_copy(struct load_stats *to, const struct load_stats *from) {
    histogram_copy(to->latency, from->latency);
    histogram_copy(to->uncorrected, from->uncorrected);
    histogram_copy(to->send_delay, from->send_delay);
    copy_plain(to, from);
}

void load_stats_since(struct load_stats *after, const struct load_stats *before) {
    after->requests -= before->requests;
    for (int i = 0; i < LOAD_FAILURES; i++)
        after->failures[i] -= before->failures[i];
    after->retries -= before->retries;
    after->redirects -= before->redirects;
    after->body_bytes -= before->body_bytes;
    after->elapsed_ns -= before->elapsed_ns;
    after->begun -= before->begun;
    after->planned -= before->planned;
    after->cpu_ns -= before->cpu_ns;
    after->wait_ns -= before->wait_ns;
    histogram_subtract(after->latency, before->latency);
    histogram_subtract(after->uncorrected, before->uncorrected);
    histogram_subtract(after->send_delay, before->send_delay);
}
