#include "base/clock.h"
#include "report/json_parts.h"
#include "report/percentiles.h"

static void add_failures(struct json *json, const struct load_stats *stats) {
    json_open(json, "failures", '{');
    for (int i = 0; i < LOAD_FAILURES; i++)
        json_integer(json, load_failure_name((enum load_failure)i), (int64_t)stats->failures[i]);
    json_close(json, '{');
}

static void add_percentiles(struct json *json, const struct histogram *latency) {
    json_open(json, "percentiles_ns", '[');
    for (size_t i = 0; i < N_PERCENTILES && histogram_count(latency) > 0; i++) {
        json_open(json, NULL, '[');
        json_number(json, NULL, percentiles[i]);
        json_integer(json, NULL, (int64_t)histogram_percentile_ns(latency, percentiles[i]));
        json_close(json, '[');
    }
    json_close(json, '[');
}

static void add_load(struct json *json, const struct load_stats *stats) {
    double seconds = (double)stats->elapsed_ns / (double)NS_PER_S;
    json_open(json, "load", '{');
    json_integer(json, "requests", (int64_t)stats->requests);
    add_failures(json, stats);
    json_number(json, "seconds", seconds);
    json_number(json, "requests_per_second", seconds > 0 ? (double)stats->requests / seconds : 0);
    json_integer(json, "body_bytes", (int64_t)stats->body_bytes);
    json_number(json, "mean_ns", histogram_mean_ns(stats->latency));
    json_number(json, "deviation_ns", histogram_deviation_ns(stats->latency));
    add_percentiles(json, stats->latency);
    json_close(json, '{');
}

void json_add_run(struct json *json, const struct report_run *run) {
    if (run->url) {
        json_string(json, "url", run->url);
        json_integer(json, "concurrency", run->concurrency);
    }
    json_open(json, "warnings", '[');
    for (size_t i = 0; i < run->n_warnings; i++)
        json_string(json, NULL, run->warnings[i]);
    json_close(json, '[');
    if (run->baseline)
        add_load(json, run->baseline);
}
