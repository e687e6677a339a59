#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/json_writer.h"
#include "report/load_figures.h"

#define VERSION 1
#define PHASES_MAX 64u
#define MOMENTS_MAX 100000u
#define WARNINGS_MAX 1000u

const struct load_phase *load_figures_find(const struct load_figures *figures, const char *name) {
    for (size_t i = 0; figures && i < figures->n_phases; i++)
        if (strcmp(figures->phases[i].name, name) == 0)
            return &figures->phases[i];
    return NULL;
}

/* The plain counts of load_stats. */
static const struct {
    const char *key;
    size_t offset;
} counts[] = {
    {"elapsed_ns", offsetof(struct load_stats, elapsed_ns)}, {"requests", offsetof(struct load_stats, requests)},
    {"retries", offsetof(struct load_stats, retries)},       {"redirects", offsetof(struct load_stats, redirects)},
    {"body_bytes", offsetof(struct load_stats, body_bytes)}, {"begun", offsetof(struct load_stats, begun)},
    {"planned", offsetof(struct load_stats, planned)},       {"cpu_ns", offsetof(struct load_stats, cpu_ns)},
    {"wait_ns", offsetof(struct load_stats, wait_ns)},
};
#define N_COUNTS (sizeof(counts) / sizeof(counts[0]))

static const uint64_t *count_in(const struct load_stats *stats, size_t i) {
    return (const uint64_t *)(const void *)((const char *)stats + counts[i].offset);
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static void write_integers(struct json_writer *json, const uint64_t *values, size_t n) {
    json_write_open(json, NULL, '[');
    for (size_t i = 0; i < n; i++)
        json_write_integer(json, NULL, (int64_t)values[i]);
    json_write_close(json, '[');
}

/* {"sum_ns":…,"ranges":[[highest_ns,count],…]} */
static void write_histogram(struct json_writer *json, const char *key, const struct histogram *histogram) {
    uint32_t slot = 0;
    uint64_t pair[2];
    json_write_open(json, key, '{');
    json_write_integer(json, "sum_ns", (int64_t)histogram_sum_ns(histogram));
    json_write_open(json, "ranges", '[');
    while (histogram_next(histogram, &slot, &pair[0], &pair[1]))
        write_integers(json, pair, 2);
    json_write_close(json, '[');
    json_write_close(json, '{');
}

/* With what was said of the first and the last of each class. */
static void write_failures(struct json_writer *json, const struct load_stats *stats) {
    json_write_open(json, "failures", '{');
    for (int i = 0; i < LOAD_FAILURES; i++) {
        json_write_open(json, load_failure_name((enum load_failure)i), '{');
        json_write_integer(json, "count", (int64_t)stats->failures[i]);
        json_write_string(json, "first", stats->examples[i].first);
        json_write_string(json, "last", stats->examples[i].last);
        json_write_close(json, '{');
    }
    json_write_close(json, '{');
}

static void write_phase(struct json_writer *json, const struct load_phase *phase) {
    const struct load_stats *stats = phase->stats;
    json_write_open(json, NULL, '{');
    json_write_string(json, "name", phase->name);
    json_write_integer(json, "start_ns", (int64_t)phase->start_ns);
    write_failures(json, stats);
    json_write_integer(json, "threads", (int64_t)phase->threads);
    for (size_t i = 0; i < N_COUNTS; i++)
        json_write_integer(json, counts[i].key, (int64_t)*count_in(stats, i));
    write_histogram(json, "latency", stats->latency);
    write_histogram(json, "uncorrected", stats->uncorrected);
    write_histogram(json, "send_delay", stats->send_delay);
    json_write_open(json, "moments", '[');
    for (size_t i = 0; i < phase->n_moments; i++) {
        const struct load_moment *moment = &phase->moments[i];
        const uint64_t values[] = {moment->start_ns, moment->length_ns, moment->requests, moment->failures,
                                   moment->p50_ns,   moment->p99_ns,    moment->max_ns};
        write_integers(json, values, sizeof(values) / sizeof(values[0]));
    }
    json_write_close(json, '[');
    json_write_close(json, '{');
}

int load_file_write(const struct load_figures *figures, struct buffer *ret) {
    struct json_writer json = {.out = ret};
    json_write_open(&json, NULL, '{');
    json_write_integer(&json, "version", VERSION);
    json_write_string(&json, "url", figures->url ? figures->url : "");
    json_write_integer(&json, "concurrency", figures->concurrency);
    json_write_open(&json, "warnings", '[');
    for (size_t i = 0; i < figures->n_warnings; i++)
        json_write_string(&json, NULL, figures->warnings[i]);
    json_write_close(&json, '[');
    json_write_open(&json, "phases", '[');
    for (size_t i = 0; i < figures->n_phases; i++)
        write_phase(&json, &figures->phases[i]);
    json_write_close(&json, '[');
    json_write_close(&json, '{');
    return buffer_add_string(ret, "\n");
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

/* What load_figures points to, so that it can be freed. */
struct load_file {
    struct load_figures figures;
    json_t *root; /* owns the strings */
    struct load_phase phases[PHASES_MAX];
    struct load_stats stats[PHASES_MAX];
    const char *warnings[WARNINGS_MAX];
};

/* A count: what is none, or negative, is 0. */
static uint64_t count_of(const json_t *value) {
    json_int_t number = json_integer_value(value);
    return number > 0 ? (uint64_t)number : 0;
}

static uint64_t member(const json_t *object, const char *key) {
    return count_of(json_object_get(object, key));
}

static const char *text_of(const json_t *value) {
    const char *text = json_string_value(value);
    return text ? text : "";
}

static void read_histogram(const json_t *object, struct histogram *ret) {
    const json_t *ranges = json_object_get(object, "ranges");
    for (size_t i = 0; i < json_array_size(ranges); i++) {
        const json_t *pair = json_array_get(ranges, i);
        histogram_put_back(ret, count_of(json_array_get(pair, 0)), count_of(json_array_get(pair, 1)));
    }
    histogram_put_back_sum(ret, member(object, "sum_ns"));
}

static int read_moments(const json_t *array, struct load_phase *phase) {
    size_t n = json_array_size(array) < MOMENTS_MAX ? json_array_size(array) : MOMENTS_MAX;
    struct load_moment *moments = calloc(n + 1, sizeof(*moments));
    if (!moments)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        const json_t *values = json_array_get(array, i);
        uint64_t *const members[] = {&moments[i].start_ns, &moments[i].length_ns, &moments[i].requests,
                                     &moments[i].failures, &moments[i].p50_ns,    &moments[i].p99_ns,
                                     &moments[i].max_ns};
        for (size_t j = 0; j < sizeof(members) / sizeof(members[0]); j++)
            *members[j] = count_of(json_array_get(values, j));
    }
    phase->moments = moments;
    phase->n_moments = n;
    return 0;
}

static void read_failures(const json_t *object, struct load_stats *stats) {
    for (int i = 0; i < LOAD_FAILURES; i++) {
        const json_t *failure = json_object_get(object, load_failure_name((enum load_failure)i));
        struct load_example *example = &stats->examples[i];
        stats->failures[i] = member(failure, "count");
        snprintf(example->first, sizeof(example->first), "%s", text_of(json_object_get(failure, "first")));
        snprintf(example->last, sizeof(example->last), "%s", text_of(json_object_get(failure, "last")));
    }
}

static int read_phase(const json_t *object, struct load_phase *phase, struct load_stats *stats) {
    int error = load_stats_init(stats);
    *phase = (struct load_phase){.name = text_of(json_object_get(object, "name")),
                                 .start_ns = member(object, "start_ns"),
                                 .stats = stats,
                                 .threads = member(object, "threads")};
    if (error)
        return error;
    for (size_t i = 0; i < N_COUNTS; i++)
        *(uint64_t *)(uintptr_t)count_in(stats, i) = member(object, counts[i].key);
    read_histogram(json_object_get(object, "latency"), stats->latency);
    read_histogram(json_object_get(object, "uncorrected"), stats->uncorrected);
    read_histogram(json_object_get(object, "send_delay"), stats->send_delay);
    read_failures(json_object_get(object, "failures"), stats);
    return read_moments(json_object_get(object, "moments"), phase);
}

static int read_all(struct load_file *file) {
    struct load_figures *figures = &file->figures;
    const json_t *phases = json_object_get(file->root, "phases"), *warnings = json_object_get(file->root, "warnings");
    const char *url = text_of(json_object_get(file->root, "url"));
    figures->url = *url ? url : NULL;
    figures->concurrency = (unsigned)member(file->root, "concurrency");
    figures->phases = file->phases;
    figures->warnings = file->warnings;
    for (size_t i = 0; i < json_array_size(warnings) && i < WARNINGS_MAX; i++)
        file->warnings[figures->n_warnings++] = text_of(json_array_get(warnings, i));
    int error = 0;
    for (size_t i = 0; i < json_array_size(phases) && i < PHASES_MAX && !error; i++) {
        error = read_phase(json_array_get(phases, i), &file->phases[i], &file->stats[i]);
        figures->n_phases++;
    }
    return error;
}

int load_file_read(const char *data, size_t size, struct load_figures **ret, char *why, size_t why_size) {
    struct load_file *file = calloc(1, sizeof(*file));
    json_error_t reason;
    if (!file)
        return -ENOMEM;
    int error = 0;
    file->root = json_loadb(data, size, 0, &reason);
    if (!file->root) {
        snprintf(why, why_size, "%s at line %d", reason.text, reason.line);
        error = -EBADMSG;
    } else if (member(file->root, "version") != VERSION) {
        snprintf(why, why_size, "it is of another version than %d", VERSION);
        error = -EBADMSG;
    } else {
        error = read_all(file);
    }
    if (error)
        load_file_free(&file->figures);
    else
        *ret = &file->figures;
    return error;
}

void load_file_free(struct load_figures *figures) {
    struct load_file *file = (struct load_file *)figures; /* its first member */
    if (!file)
        return;
    for (size_t i = 0; i < file->figures.n_phases; i++) {
        load_stats_done(&file->stats[i]);
        free((struct load_moment *)(uintptr_t)file->phases[i].moments);
    }
    json_decref(file->root);
    free(file);
}
