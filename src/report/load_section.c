#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "report/percentiles.h"
#include "report/sections.h"
#include "report/text.h"
#include "report/units.h"

static void add_example(struct buffer *text, enum load_failure failure, const char *which, const char *example) {
    char label[32];
    snprintf(label, sizeof label, "  %s, %s:", load_failure_name(failure), which);
    buffer_printf(text, "%-24s", label);
    text_add_safe(text, example);
    buffer_add_string(text, "\n");
}

static void add_examples(struct buffer *text, enum load_failure failure, const struct load_example *example) {
    if (example->first[0])
        add_example(text, failure, "first", example->first);
    if (strcmp(example->last, example->first) != 0)
        add_example(text, failure, "last", example->last);
}

static void add_completed(struct buffer *text, const struct load_stats *stats) {
    buffer_printf(text, "Complete requests:      %" PRIu64 "\n", stats->requests);
}

/* Of which kinds they are. */
static void add_failed(struct buffer *text, const struct load_stats *stats) {
    uint64_t total = load_stats_failures(stats);
    buffer_printf(text, "Failed requests:        %" PRIu64, total);
    const char *separator = " (";
    for (int i = 0; i < LOAD_FAILURES; i++) {
        if (stats->failures[i] == 0)
            continue;
        buffer_printf(text, "%s%s %" PRIu64, separator, load_failure_name((enum load_failure)i), stats->failures[i]);
        separator = ", ";
    }
    buffer_add_string(text, total ? ")\n" : "\n");
}

/* Failed requests, and what was said of them. */
static void add_failures(struct buffer *text, const struct load_stats *stats) {
    add_failed(text, stats);
    for (int i = 0; i < LOAD_FAILURES; i++)
        if (stats->failures[i])
            add_examples(text, (enum load_failure)i, &stats->examples[i]);
}

static void add_percentile(struct buffer *text, const struct histogram *latency, double percent) {
    uint64_t ns = histogram_percentile_ns(latency, percent);
    buffer_printf(text, "%5.4g%%    %s\n", percent, units_latency((double)ns).text);
}

static void add_percentiles(struct buffer *text, const struct histogram *latency) {
    buffer_add_string(text, "\nPercentage of the requests served within a certain time:\n");
    for (size_t i = 0; i < N_PERCENTILES; i++)
        add_percentile(text, latency, percentiles[i]);
}

/* Open model: both figures, since what most tools print is the second. */
static void add_corrected(struct buffer *text, const struct load_stats *stats) {
    buffer_printf(text, "Planned, sent:          %" PRIu64 ", %" PRIu64 " (%.2f%%)\n", stats->planned, stats->begun,
                  100.0 * (double)stats->begun / (double)stats->planned);
    if (histogram_count(stats->latency) == 0) {
        buffer_add_string(text, "\nNo request was answered: there are no latencies.\n");
        return;
    }
    buffer_add_string(text,
                      "\nPercentage of the requests served within a certain time, corrected: from when they should "
                      "have been sent\n(uncorrected: from when they were)\n"
                      "          corrected   uncorrected\n");
    for (size_t i = 0; i < N_PERCENTILES; i++) {
        uint64_t corrected = histogram_percentile_ns(stats->latency, percentiles[i]);
        uint64_t uncorrected = histogram_percentile_ns(stats->uncorrected, percentiles[i]);
        buffer_printf(text, "%5.4g%%    %-12s%s\n", percentiles[i], units_latency((double)corrected).text,
                      units_latency((double)uncorrected).text);
    }
}

static void add_figures(struct buffer *text, const struct load_stats *stats) {
    double seconds = (double)stats->elapsed_ns / (double)NS_PER_S;
    add_completed(text, stats);
    add_failures(text, stats);
    buffer_printf(text, "Time taken for tests:   %.3fs\n", seconds);
    buffer_printf(text, "Requests per second:    %.2f [#/sec] (mean)\n",
                  seconds > 0 ? (double)stats->requests / seconds : 0.0);
    buffer_printf(text, "Time per request:       %s (mean), %s (deviation)\n",
                  units_latency(histogram_mean_ns(stats->latency)).text,
                  units_latency(histogram_deviation_ns(stats->latency)).text);
    buffer_printf(text, "Total bytes received:   %s\n", units_value((int64_t)stats->body_bytes, "bytes").text);
}

void section_load(struct buffer *text, const struct report_run *run) {
    if (!run->url && !run->baseline) /* profiles that were taken without any load: of a generator, say */
        return;
    text_title(text, "LOAD TEST REPORT (Baseline Throughput Metrics)");
    if (run->url) {
        buffer_add_string(text, "URL:                    ");
        text_add_safe(text, run->url);
        buffer_printf(text, "\nConcurrency:            %u\n", run->concurrency);
    }
    if (!run->baseline) {
        buffer_add_string(text, "The baseline was not finished: there are no figures.\n");
        return;
    }
    add_figures(text, run->baseline);
    if (run->baseline->planned)
        add_corrected(text, run->baseline);
    else if (histogram_count(run->baseline->latency) > 0)
        add_percentiles(text, run->baseline->latency);
    else
        buffer_add_string(text, "\nNo request was answered: there are no latencies.\n");
}

int report_write_brief(const struct load_stats *baseline, struct buffer *ret) {
    add_completed(ret, baseline);
    add_failed(ret, baseline);
    if (histogram_count(baseline->latency) > 0) {
        add_percentile(ret, baseline->latency, 50);
        add_percentile(ret, baseline->latency, 99);
    }
    return ret->error;
}
