#include "base/clock.h"
#include "report/json_parts.h"
#include "report/percentiles.h"

static void add_failures(struct json_writer *json, const struct load_stats *stats) {
    json_write_open(json, "failures", '{');
    for (int i = 0; i < LOAD_FAILURES; i++)
        json_write_integer(json, load_failure_name((enum load_failure)i), (int64_t)stats->failures[i]);
    json_write_close(json, '{');
}

static void add_percentiles(struct json_writer *json, const char *key, const struct histogram *latency) {
    json_write_open(json, key, '[');
    for (size_t i = 0; i < N_PERCENTILES && histogram_count(latency) > 0; i++) {
        json_write_open(json, NULL, '[');
        json_write_number(json, NULL, percentiles[i]);
        json_write_integer(json, NULL, (int64_t)histogram_percentile_ns(latency, percentiles[i]));
        json_write_close(json, '[');
    }
    json_write_close(json, '[');
}

/* percentiles_ns is corrected then. */
static void add_open_model(struct json_writer *json, const struct load_stats *stats) {
    json_write_open(json, "open_model", '{');
    json_write_integer(json, "planned", (int64_t)stats->planned);
    json_write_integer(json, "begun", (int64_t)stats->begun);
    add_percentiles(json, "uncorrected_percentiles_ns", stats->uncorrected);
    add_percentiles(json, "send_delay_percentiles_ns", stats->send_delay);
    json_write_close(json, '{');
}

static void add_load(struct json_writer *json, const struct load_stats *stats) {
    double seconds = (double)stats->elapsed_ns / (double)NS_PER_S;
    json_write_open(json, "load", '{');
    json_write_integer(json, "requests", (int64_t)stats->requests);
    add_failures(json, stats);
    json_write_number(json, "seconds", seconds);
    json_write_number(json, "requests_per_second", seconds > 0 ? (double)stats->requests / seconds : 0);
    json_write_integer(json, "body_bytes", (int64_t)stats->body_bytes);
    json_write_number(json, "mean_ns", histogram_mean_ns(stats->latency));
    json_write_number(json, "deviation_ns", histogram_deviation_ns(stats->latency));
    add_percentiles(json, "percentiles_ns", stats->latency);
    if (stats->planned)
        add_open_model(json, stats);
    json_write_close(json, '{');
}

void json_add_run(struct json_writer *json, const struct report_run *run) {
    if (run->url) {
        json_write_string(json, "url", run->url);
        json_write_integer(json, "concurrency", run->concurrency);
    }
    json_write_open(json, "warnings", '[');
    for (size_t i = 0; i < run->n_warnings; i++)
        json_write_string(json, NULL, run->warnings[i]);
    json_write_close(json, '[');
    if (run->baseline)
        add_load(json, run->baseline);
}
