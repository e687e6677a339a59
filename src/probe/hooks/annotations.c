/* What a program says of itself: declared in <piko/piko.h>, defined in libpiko and in the probe that `piko run` loads before
 * it. For execution traces one load and branch while nothing records; labels are kept all the time. */
#include <piko/piko.h>

#include "probe/handler/capture.h"
#include "probe/handler/labels.h"
#include "probe/handler/strings.h"
#include "probe/handler/thread.h"
#include "probe/handler/trace.h"

#define TASK_MASK (((uint64_t)1 << SEGMENT_TRACE_TYPE_SHIFT) - 1)

static void annotate(enum segment_trace_kind kind, uint64_t task, uint64_t value,
                     const struct unwind_registers *caller) {
    trace_record((struct segment_trace_record){
        .kind = (uint8_t)kind, .stack = capture_stack(caller), .begin = trace_ticks(), .value = value, .object = task});
}

/* A task that began while nothing recorded has a number too: it may end, and log, when something does. */
uint64_t piko_task_begin(uint64_t parent, const char *type) {
    static uint64_t tasks;
    uint64_t task = __atomic_add_fetch(&tasks, 1, __ATOMIC_RELAXED) & TASK_MASK;
    if (trace_is_on()) {
        struct unwind_registers caller = CALLER_REGISTERS();
        uint64_t name = strings_intern(type);
        annotate(SEGMENT_TRACE_TASK_BEGIN, task, name << SEGMENT_TRACE_TYPE_SHIFT | (parent & TASK_MASK), &caller);
    }
    return task;
}

void piko_task_end(uint64_t task) {
    if (trace_is_on()) {
        struct unwind_registers caller = CALLER_REGISTERS();
        annotate(SEGMENT_TRACE_TASK_END, task, 0, &caller);
    }
}

void piko_region_begin(uint64_t task, const char *type) {
    if (trace_is_on()) {
        struct unwind_registers caller = CALLER_REGISTERS();
        annotate(SEGMENT_TRACE_REGION_BEGIN, task, strings_intern(type), &caller);
    }
}

void piko_region_end(uint64_t task, const char *type) {
    if (trace_is_on()) {
        struct unwind_registers caller = CALLER_REGISTERS();
        annotate(SEGMENT_TRACE_REGION_END, task, strings_intern(type), &caller);
    }
}

void piko_log(uint64_t task, const char *category, const char *message) {
    if (trace_is_on()) {
        struct unwind_registers caller = CALLER_REGISTERS();
        trace_log(task, strings_intern(category), capture_stack(&caller), message);
    }
}

void piko_label_set(const char *key, const char *value) {
    if (key)
        labels_set(key, value);
}

void piko_label_clear(const char *key) {
    labels_set(key, NULL);
}

uint64_t piko_labels_get(void) {
    return labels_get();
}

void piko_labels_restore(uint64_t labels) {
    labels_restore(labels);
}
