#include "cli/stats_file.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "load/figures.h"
#include "report/units.h"

#define VALUE_COLUMN 20 /* counted from 0 */

static void add(struct buffer *ret, const char *key, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void add(struct buffer *ret, const char *key, const char *format, ...) {
    va_list arguments;
    int width = buffer_printf(ret, "%s:", key) ? 0 : VALUE_COLUMN - 1;
    for (const char *c = key; *c && width > 0; c++)
        width--;
    buffer_printf(ret, "%*s", width, "");
    va_start(arguments, format);
    buffer_vprintf(ret, format, arguments);
    va_end(arguments);
    buffer_add_string(ret, "\n");
}

static void add_percentiles(struct buffer *ret, const char *name, const struct histogram *latency) {
    static const double percents[] = {50, 90, 99, 99.9};
    char key[32];
    for (size_t i = 0; i < sizeof percents / sizeof percents[0]; i++) {
        snprintf(key, sizeof key, "%s_p%g", name, percents[i]);
        add(ret, key, "%s", units_latency((double)histogram_percentile_ns(latency, percents[i])).text);
    }
    snprintf(key, sizeof key, "%s_max", name);
    add(ret, key, "%s", units_latency((double)histogram_max_ns(latency)).text);
}

/* Open model: latency is corrected there, and what it was without stands beside it. */
static void add_open_model(struct buffer *ret, const struct stats_file *file) {
    add(ret, "rate", "%u", file->rate);
    add(ret, "planned_requests", "%" PRIu64, file->stats->planned);
    add(ret, "begun_requests", "%" PRIu64, file->stats->begun);
    add_percentiles(ret, "uncorrected", file->stats->uncorrected);
    add_percentiles(ret, "send_delay", file->stats->send_delay);
}

static void add_generator(struct buffer *ret, const struct load_stats *stats) {
    double time = stats->elapsed_ns ? (double)stats->elapsed_ns : 1;
    add(ret, "generator_cpu", "%.1f%%", 100.0 * (double)stats->cpu_ns / time);
    add(ret, "generator_waited", "%.1f%%", 100.0 * (double)stats->wait_ns / time);
}

uint64_t profiled_requests(const struct load_stats *stats) {
    return stats->requests + stats->failures[LOAD_STATUS];
}

static void add_examples(struct buffer *ret, const struct load_stats *stats) {
    for (enum load_failure failure = 0; failure < LOAD_FAILURES; failure++) {
        char key[32];
        if (stats->failures[failure] == 0)
            continue;
        snprintf(key, sizeof key, "first_%s", load_failure_name(failure));
        add(ret, key, "%s", stats->examples[failure].first);
        snprintf(key, sizeof key, "last_%s", load_failure_name(failure));
        add(ret, key, "%s", stats->examples[failure].last);
    }
}

int stats_file_write(const struct stats_file *file, struct buffer *ret) {
    const struct load_stats *stats = file->stats;
    uint64_t failed = load_stats_failures(stats);
    double seconds = (double)stats->elapsed_ns / (double)NS_PER_S;

    buffer_printf(ret, "# Load during the %s phase of piko profile\n", file->phase);
    buffer_printf(ret, "# %s\n\n", file->url);
    add(ret, "phase", "%s", file->phase);
    add(ret, "duration", "%.3fs", seconds);
    add(ret, "total_requests", "%" PRIu64, stats->requests + failed);
    add(ret, "failed_requests", "%" PRIu64, failed);
    add(ret, "requests_per_sec", "%.2f", seconds > 0 ? (double)stats->requests / seconds : 0);
    add(ret, "mean_latency", "%s", units_latency(histogram_mean_ns(stats->latency)).text);
    add(ret, "total_bytes", "%" PRIu64, stats->body_bytes);

    add(ret, "concurrency", "%u", file->concurrency);
    add(ret, "completed_requests", "%" PRIu64, stats->requests);
    for (enum load_failure failure = 0; failure < LOAD_FAILURES; failure++) {
        char key[32];
        snprintf(key, sizeof key, "failed_%s", load_failure_name(failure));
        add(ret, key, "%" PRIu64, stats->failures[failure]);
    }
    add_examples(ret, stats);
    add(ret, "profiled_requests", "%" PRIu64, profiled_requests(stats));
    add_percentiles(ret, "latency", stats->latency);
    add_generator(ret, stats);
    if (file->rate)
        add_open_model(ret, file);
    return ret->error;
}

/* The number behind "key:" at the start of a line. */
static bool find_number(const char *text, const char *key, uint64_t *ret) {
    size_t length = strlen(key);
    for (const char *line = text; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
        if (strncmp(line, key, length) != 0 || line[length] != ':')
            continue;
        const char *value = line + length + 1 + strspn(line + length + 1, " ");
        if (*value < '0' || *value > '9')
            return false;
        *ret = strtoull(value, NULL, 10);
        return true;
    }
    return false;
}

uint64_t stats_file_requests(const char *path) {
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(64 << 10);
    uint64_t completed = 0, total = 0, failed = 0;
    if (file_read(path, &text) || !text.data)
        return 0;
    if (find_number(text.data, "profiled_requests", &completed) ||
        find_number(text.data, "completed_requests", &completed))
        return completed;
    if (!find_number(text.data, "total_requests", &total))
        return 0;
    find_number(text.data, "failed_requests", &failed);
    return total > failed ? total - failed : 0;
}
