#include "probe/handler/labels.h"

#include "probe/handler/probe.h"
#include "probe/handler/strings.h"
#include "probe/handler/thread.h"
#include "probe/handler/trace.h"

#define PROCESS_SHIFT 32 /* of what labels_get() returns: a child of a fork has another segment, with other ids */

struct set {
    uint32_t n;
    struct segment_label labels[SEGMENT_LABELS_MAX];
};

/* The child of a fork has its parent's segment until it has one of its own. */
static struct segment_thread *own_record(void) {
    return probe.segment && !probe.inherited ? thread_self() : NULL;
}

static struct set set_of(const struct segment_thread *thread) {
    struct set set;
    set.n = strings_read(thread->labels, set.labels, sizeof(set.labels)) / (uint32_t)sizeof(*set.labels);
    return set;
}

static void change(struct segment_thread *thread, uint32_t labels) {
    uint32_t before = thread->labels;
    if (labels == before)
        return;
    __atomic_store_n(&thread->labels, labels, __ATOMIC_RELAXED);
    if (trace_is_on())
        trace_record((struct segment_trace_record){
            .kind = SEGMENT_TRACE_LABELS, .begin = trace_ticks(), .value = labels, .object = before});
}

/* Where the key stands, or belongs. */
static uint32_t place_of(const struct set *set, uint32_t key) {
    uint32_t at = 0;
    while (at < set->n && set->labels[at].key < key)
        at++;
    return at;
}

static void remove_at(struct set *set, uint32_t at) {
    for (set->n--; at < set->n; at++)
        set->labels[at] = set->labels[at + 1];
}

static void insert_at(struct set *set, uint32_t at, struct segment_label label) {
    if (set->n == SEGMENT_LABELS_MAX) {
        counter_add(&probe.segment->counters.lost_strings, 1);
        return;
    }
    for (uint32_t i = set->n++; i > at; i--)
        set->labels[i] = set->labels[i - 1];
    set->labels[at] = label;
}

/* A value that finds no room takes the old one away, which would be wrong from now on. */
static void put(struct set *set, struct segment_label label) {
    uint32_t at = place_of(set, label.key);
    bool there = at < set->n && set->labels[at].key == label.key;
    if (there && label.value)
        set->labels[at].value = label.value;
    else if (there)
        remove_at(set, at);
    else if (label.value)
        insert_at(set, at, label);
}

void labels_set(const char *key, const char *value) {
    struct segment_thread *thread = own_record();
    if (!thread)
        return;
    struct set set = {0};
    if (key) {
        struct segment_label label = {.key = strings_intern(key), .value = strings_intern(value)};
        if (!label.key)
            return;
        set = set_of(thread);
        put(&set, label);
    }
    change(thread, strings_intern_bytes(set.labels, set.n * (uint32_t)sizeof(*set.labels)));
}

uint64_t labels_get(void) {
    const struct segment_thread *thread = own_record();
    return thread && thread->labels ? (uint64_t)probe.pid << PROCESS_SHIFT | thread->labels : 0;
}

void labels_restore(uint64_t labels) {
    struct segment_thread *thread = own_record();
    if (thread)
        change(thread, labels >> PROCESS_SHIFT == probe.pid ? (uint32_t)labels : 0);
}
