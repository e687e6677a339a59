#include "reader/counters.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "reader/build.h"
#include "reader/internal.h"
#include "reader/labels.h"

#define CPU_PERIOD_DEFAULT_NS 10000000
#define Q16 65536.0
#define VALUES_MAX 4u
#define LABELS_MAX (2u + SEGMENT_LABELS_MAX)

struct counters_kind {
    enum snapshot_table table;
    uint32_t n_types;
    struct profile_value_type types[VALUES_MAX];
    const char *default_type; /* "" = the last */
    struct profile_value_type period_type;
    int64_t (*period)(const struct view_rates *rates);
    void (*values)(const struct snapshot_row *row, const struct view_rates *rates, int64_t *ret);
    void (*lost)(const struct segment_counters *counters, const struct view_rates *rates, int64_t *ret);
    uint32_t (*labels)(const struct reader *reader, const struct snapshot_row *row, struct profile *profile,
                       struct profile_label *ret); /* NULL = none */
};

static int64_t clamp(double value) {
    return value >= 9.2e18 ? INT64_MAX : value <= -9.2e18 ? INT64_MIN : (int64_t)llround(value);
}

static int64_t clamp_u64(uint64_t value) {
    return value > INT64_MAX ? INT64_MAX : (int64_t)value;
}

/* ---- Heap ---------------------------------------------------------------------------------------------------------- */

/* How many objects a sampled one stands for: one of `size` bytes is met with probability 1 - exp(-size / rate). */
static double heap_scale(uint64_t size, uint64_t rate) {
    if (rate <= 1 || !size)
        return 1;
    return 1 / -expm1(-(double)size / (double)rate);
}

/* One scale, that of the bucket's whole life, for all four: in use is never more than allocated, and the difference of
 * two snapshots never negative where its raw counts are not. */
static void heap_values(const struct snapshot_row *row, const struct view_rates *rates, int64_t *ret) {
    (void)rates;
    double scale = heap_scale(row->mean, row->rate);
    const uint64_t *raw = row->value;
    ret[0] = clamp((double)raw[SNAPSHOT_ALLOC_COUNT] * scale);
    ret[1] = clamp((double)raw[SNAPSHOT_ALLOC_BYTES] * scale);
    ret[2] = clamp(((double)raw[SNAPSHOT_ALLOC_COUNT] - (double)raw[SNAPSHOT_FREE_COUNT]) * scale);
    ret[3] = clamp(((double)raw[SNAPSHOT_ALLOC_BYTES] - (double)raw[SNAPSHOT_FREE_BYTES]) * scale);
}

/* Whether they are still in use is not known. */
static void heap_lost(const struct segment_counters *counters, const struct view_rates *rates, int64_t *ret) {
    uint64_t mean = counters->lost_heap ? counters->lost_heap_bytes / counters->lost_heap : 0;
    double scale = heap_scale(mean, rates->mem_profile_rate_bytes);
    ret[0] = clamp((double)counters->lost_heap * scale);
    ret[1] = clamp((double)counters->lost_heap_bytes * scale);
    ret[2] = ret[3] = 0;
}

static uint32_t heap_labels(const struct reader *reader, const struct snapshot_row *row, struct profile *profile,
                            struct profile_label *ret) {
    (void)reader;
    (void)profile;
    ret[0] = (struct profile_label){.key = "bytes", .number = clamp_u64(row->mean), .unit = "bytes"};
    return 1;
}

static int64_t heap_period(const struct view_rates *rates) {
    return clamp_u64(rates->mem_profile_rate_bytes);
}

/* ---- Block and mutex ------------------------------------------------------------------------------------------------- */

static void wait_values(const struct snapshot_row *row, const struct view_rates *rates, int64_t *ret) {
    (void)rates;
    ret[0] = clamp((double)row->value[SNAPSHOT_COUNT] / Q16);
    ret[1] = clamp_u64(row->value[SNAPSHOT_NS]);
}

/* Both ends of a wait have the same, so that reports can put them side by side. */
static uint32_t wait_labels(const struct reader *reader, const struct snapshot_row *row, struct profile *profile,
                            struct profile_label *ret) {
    char address[24];
    (void)reader;
    if (!row->lock)
        return 0;
    snprintf(address, sizeof(address), "0x%" PRIx64, row->lock);
    ret[0] = (struct profile_label){.key = "lock", .string = profile_intern(profile, address)};
    return 1;
}

static void block_lost(const struct segment_counters *counters, const struct view_rates *rates, int64_t *ret) {
    (void)rates;
    ret[0] = clamp_u64(counters->lost_block);
    ret[1] = clamp_u64(counters->lost_block_ns);
}

static void mutex_lost(const struct segment_counters *counters, const struct view_rates *rates, int64_t *ret) {
    (void)rates;
    ret[0] = clamp_u64(counters->lost_mutex);
    ret[1] = clamp_u64(counters->lost_mutex_ns);
}

static int64_t wait_period(const struct view_rates *rates) {
    (void)rates;
    return 1;
}

/* ---- CPU ------------------------------------------------------------------------------------------------------------- */

static int64_t cpu_period(const struct view_rates *rates) {
    return rates->cpu_period_ns ? clamp_u64(rates->cpu_period_ns) : CPU_PERIOD_DEFAULT_NS;
}

/* In periods of the profile: a sample that was taken at a slower rate is worth several. */
static void set_cpu_values(uint64_t ns, const struct view_rates *rates, int64_t *ret) {
    ret[0] = clamp((double)ns / (double)cpu_period(rates));
    ret[1] = clamp_u64(ns);
}

static void cpu_values(const struct snapshot_row *row, const struct view_rates *rates, int64_t *ret) {
    set_cpu_values(row->value[SNAPSHOT_NS], rates, ret);
}

static void cpu_lost(const struct segment_counters *counters, const struct view_rates *rates, int64_t *ret) {
    set_cpu_values(counters->lost_cpu_ns, rates, ret);
}

static uint32_t cpu_labels(const struct reader *reader, const struct snapshot_row *row, struct profile *profile,
                           struct profile_label *ret) {
    uint32_t tid = segment_cpu_key_tid(row->key), n = 0;
    char number[16];
    snprintf(number, sizeof(number), "%" PRIu32, tid);
    struct segment_thread thread;
    /* A record that another thread has taken over has another name. */
    if (row->thread < reader->view.threads.count && view_thread(&reader->view, row->thread, &thread) &&
        thread.tid == tid && thread.name[0])
        ret[n++] = (struct profile_label){.key = "thread_name", .string = profile_intern(profile, thread.name)};
    ret[n++] = (struct profile_label){.key = "thread id", .string = profile_intern(profile, number)};
    return n + labels_of(&reader->view, segment_cpu_key_labels(row->key), profile, ret + n);
}

/* ---- All of them ----------------------------------------------------------------------------------------------------- */

#define HEAP_KIND(default_name)                                                                                        \
    {                                                                                                                  \
        .table = SNAPSHOT_HEAP, .n_types = 4,                                                                          \
        .types = {{"alloc_objects", "count"},                                                                          \
                  {"alloc_space", "bytes"},                                                                            \
                  {"inuse_objects", "count"},                                                                          \
                  {"inuse_space", "bytes"}},                                                                           \
        .default_type = default_name, .period_type = {"space", "bytes"}, .period = heap_period, .values = heap_values, \
        .lost = heap_lost, .labels = heap_labels,                                                                      \
    }

#define WAIT_KIND(table_name, lost_function)                                                                           \
    {                                                                                                                  \
        .table = table_name, .n_types = 2, .types = {{"contentions", "count"}, {"delay", "nanoseconds"}},              \
        .default_type = "", .period_type = {"contentions", "count"}, .period = wait_period, .values = wait_values,     \
        .lost = lost_function, .labels = wait_labels,                                                                  \
    }

static const struct counters_kind heap = HEAP_KIND("inuse_space"), allocs = HEAP_KIND("alloc_space"),
                                  block = WAIT_KIND(SNAPSHOT_BLOCK, block_lost),
                                  mutex = WAIT_KIND(SNAPSHOT_MUTEX, mutex_lost);

const struct counters_kind counters_cpu = {
    .table = SNAPSHOT_CPU,
    .n_types = 2,
    .types = {{"samples", "count"}, {"cpu", "nanoseconds"}},
    .default_type = "",
    .period_type = {"cpu", "nanoseconds"},
    .period = cpu_period,
    .values = cpu_values,
    .lost = cpu_lost,
    .labels = cpu_labels,
};

const struct counters_kind *counters_kind(enum reader_kind kind) {
    switch (kind) {
    case READER_HEAP:
        return &heap;
    case READER_ALLOCS:
        return &allocs;
    case READER_BLOCK:
        return &block;
    case READER_MUTEX:
        return &mutex;
    case READER_GOROUTINE:
    case READER_THREADCREATE:
        break;
    }
    return NULL;
}

enum snapshot_table counters_table(const struct counters_kind *kind) {
    return kind->table;
}

static uint32_t stack_of(const struct snapshot_row *row) {
    return segment_key_stack(row->key);
}

static void set_types(const struct counters_kind *kind, const struct view_rates *rates, struct profile *profile) {
    for (uint32_t i = 0; i < kind->n_types; i++)
        profile_add_sample_type(profile, kind->types[i].type, kind->types[i].unit);
    profile->default_sample_type = profile_intern(profile, kind->default_type);
    profile->period_type.type = profile_intern(profile, kind->period_type.type);
    profile->period_type.unit = profile_intern(profile, kind->period_type.unit);
    profile->period = kind->period(rates);
}

static int add_rows(struct build *build, const struct counters_kind *kind, const struct snapshot *snapshot,
                    const struct view_rates *rates) {
    int64_t values[VALUES_MAX];
    struct profile_label labels[LABELS_MAX];
    for (size_t i = 0; i < snapshot->n_rows; i++) {
        const struct snapshot_row *row = &snapshot->rows[i];
        kind->values(row, rates, values);
        uint32_t n_labels = kind->labels ? kind->labels(build->reader, row, build->profile, labels) : 0;
        int error = build_sample(build, stack_of(row), BUILD_LOST, values, labels, n_labels);
        if (error)
            return error;
    }
    return 0;
}

static int fill(struct build *build, const struct counters_kind *kind, const struct snapshot *snapshot) {
    struct view_rates rates = view_rates(&build->reader->view);
    rates.cpu_period_ns = snapshot->cpu_period_ns;
    int64_t values[VALUES_MAX];
    int error = 0;
    for (size_t i = 0; i < snapshot->n_rows && !error; i++)
        error = build_want_stack(build, stack_of(&snapshot->rows[i]));
    if (!error)
        error = build_resolve(build);
    if (error)
        return error;
    set_types(kind, &rates, build->profile);
    error = add_rows(build, kind, snapshot, &rates);
    if (error)
        return error;
    kind->lost(&snapshot->counters, &rates, values);
    build_comments(build, &snapshot->counters);
    return build_synthetic(build, BUILD_LOST, values);
}

int counters_profile(const struct reader *reader, const struct counters_kind *kind, struct snapshot *after,
                     const struct snapshot *before, struct profile **ret) {
    if (before)
        snapshot_subtract(after, before);
    struct build build;
    int error = build_init(reader, &build);
    if (!error)
        error = fill(&build, kind, after);
    if (!error) {
        build.profile->time_nanos = (int64_t)after->realtime_ns;
        build.profile->duration_nanos = before ? (int64_t)(after->monotonic_ns - before->monotonic_ns) : 0;
        error = build_take(&build, ret);
    }
    build_done(&build);
    return error;
}
