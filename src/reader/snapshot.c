#include "reader/snapshot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

static uint64_t load(const uint64_t *field) {
    return __atomic_load_n(field, __ATOMIC_RELAXED);
}

static uint64_t load_acquire(const uint64_t *field) {
    return __atomic_load_n(field, __ATOMIC_ACQUIRE);
}

static uint64_t at_most(uint64_t value, uint64_t most) {
    return value < most ? value : most;
}

static const struct view_table *table_of(const struct view *view, enum snapshot_table table) {
    const struct view_table *const tables[] = {
        [SNAPSHOT_CPU] = &view->cpu,
        [SNAPSHOT_HEAP] = &view->heap,
        [SNAPSHOT_BLOCK] = &view->block,
        [SNAPSHOT_MUTEX] = &view->mutex,
    };
    return tables[table];
}

static size_t stride_of(enum snapshot_table table) {
    const size_t strides[] = {
        [SNAPSHOT_CPU] = sizeof(struct segment_cpu_bucket),
        [SNAPSHOT_HEAP] = sizeof(struct segment_heap_bucket),
        [SNAPSHOT_BLOCK] = sizeof(struct segment_wait_bucket),
        [SNAPSHOT_MUTEX] = sizeof(struct segment_wait_bucket),
    };
    return strides[table];
}

static const char *bucket_at(const struct view *view, enum snapshot_table table, uint32_t i) {
    return table_of(view, table)->entries + i * stride_of(table);
}

/* Every kind of bucket starts with its key; 0 = it was never claimed. */
static uint64_t key_at(const struct view *view, enum snapshot_table table, uint32_t i) {
    if (!view_used(view, table_of(view, table), stride_of(table), i))
        return 0;
    return load_acquire((const uint64_t *)(const void *)bucket_at(view, table, i));
}

static void read_cpu(const struct segment_cpu_bucket *bucket, struct snapshot_row *row) {
    row->thread = __atomic_load_n(&bucket->thread, __ATOMIC_RELAXED);
    row->value[SNAPSHOT_COUNT] = load(&bucket->count);
    row->value[SNAPSHOT_NS] = load(&bucket->ns);
}

/* Frees first: the target counts an allocation before its free, so what is read later is never behind. */
static void read_heap(const struct segment_heap_bucket *bucket, struct snapshot_row *row) {
    uint64_t free_count = load_acquire(&bucket->free_count);
    uint64_t free_bytes = load_acquire(&bucket->free_bytes);
    uint64_t count = load(&bucket->alloc_count);
    uint64_t bytes = load(&bucket->alloc_bytes);
    uint64_t rate = load(&bucket->rate);
    row->rate = rate ? rate : 1;
    row->mean = count ? bytes / count : 0;
    row->value[SNAPSHOT_ALLOC_COUNT] = count;
    row->value[SNAPSHOT_ALLOC_BYTES] = bytes;
    row->value[SNAPSHOT_FREE_COUNT] = at_most(free_count, count);
    row->value[SNAPSHOT_FREE_BYTES] = free_count >= count ? bytes : at_most(free_bytes, bytes);
}

static void read_wait(const struct segment_wait_bucket *bucket, struct snapshot_row *row) {
    row->lock = load(&bucket->lock);
    row->value[SNAPSHOT_COUNT] = load(&bucket->count_q16);
    row->value[SNAPSHOT_NS] = load(&bucket->ns);
}

static void read_row(enum snapshot_table table, const char *bucket, struct snapshot_row *row) {
    switch (table) {
    case SNAPSHOT_CPU:
        read_cpu((const struct segment_cpu_bucket *)(const void *)bucket, row);
        break;
    case SNAPSHOT_HEAP:
        read_heap((const struct segment_heap_bucket *)(const void *)bucket, row);
        break;
    case SNAPSHOT_BLOCK:
    case SNAPSHOT_MUTEX:
        read_wait((const struct segment_wait_bucket *)(const void *)bucket, row);
        break;
    }
}

uint64_t snapshot_count(const struct view *view, enum snapshot_table table) {
    uint64_t used = 0;
    for (uint32_t i = 0; i < table_of(view, table)->count; i++)
        used += key_at(view, table, i) != 0;
    return used;
}

int snapshot_take(const struct view *view, enum snapshot_table table, struct snapshot *ret) {
    struct snapshot snapshot = {.table = table, .cpu_epoch = load_acquire(&view->segment->cpu_epoch)};
    size_t space = 0;
    for (uint32_t i = 0; i < table_of(view, table)->count; i++) {
        uint64_t key = key_at(view, table, i);
        if (!key)
            continue;
        if (snapshot.n_rows == space) {
            space = space ? space * 2 : 64;
            struct snapshot_row *rows = reallocarray(snapshot.rows, space, sizeof(*rows));
            if (!rows) {
                free(snapshot.rows);
                return -ENOMEM;
            }
            snapshot.rows = rows;
        }
        struct snapshot_row *row = &snapshot.rows[snapshot.n_rows++];
        *row = (struct snapshot_row){.bucket = i, .key = key};
        read_row(table, bucket_at(view, table, i), row);
    }
    view_counters(view, &snapshot.counters);
    snapshot.cpu_period_ns = view_rates(view).cpu_period_ns;
    snapshot.monotonic_ns = clock_monotonic_ns();
    snapshot.realtime_ns = clock_realtime_ns();
    *ret = snapshot;
    return 0;
}

void snapshot_done(struct snapshot *snapshot) {
    free(snapshot->rows);
    *snapshot = (struct snapshot){0};
}

/* A counter that went back belongs to a broken writer, and counts as one that stood still. */
static uint64_t difference(uint64_t after, uint64_t before) {
    return after > before ? after - before : 0;
}

static void subtract_counters(struct segment_counters *after, const struct segment_counters *before) {
    uint64_t *to = (uint64_t *)(void *)after;
    const uint64_t *from = (const uint64_t *)(const void *)before;
    for (size_t i = 0; i < sizeof(*after) / sizeof(*to); i++)
        to[i] = difference(to[i], from[i]);
}

void snapshot_subtract(struct snapshot *after, const struct snapshot *before) {
    bool cleared = after->table == SNAPSHOT_CPU && after->cpu_epoch != before->cpu_epoch;
    size_t n_before = cleared ? 0 : before->n_rows;
    size_t kept = 0, b = 0;
    for (size_t a = 0; a < after->n_rows; a++) {
        struct snapshot_row row = after->rows[a];
        while (b < n_before && before->rows[b].bucket < row.bucket)
            b++;
        bool found = b < n_before && before->rows[b].bucket == row.bucket && before->rows[b].key == row.key;
        uint64_t any = 0;
        for (size_t i = 0; i < SNAPSHOT_VALUES; i++) {
            if (found)
                row.value[i] = difference(row.value[i], before->rows[b].value[i]);
            any |= row.value[i];
        }
        if (any)
            after->rows[kept++] = row;
    }
    after->n_rows = kept;
    subtract_counters(&after->counters, &before->counters);
}
