/* The heap sampler: runs inside malloc, so it calls nothing that could allocate. */
#ifndef PIKO_PROBE_HANDLER_HEAP_H
#define PIKO_PROBE_HANDLER_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probe/handler/live.h"
#include "probe/handler/probe.h"
#include "probe/handler/unwind.h"

/* Count an allocation down: whether it is one to sample. One load and branch while off. */
static inline bool heap_due(size_t size) {
    if (probe.mem_profile_rate == 0)
        return false;
    probe_thread.heap_countdown -= (int64_t)(size | !size);
    return unlikely(probe_thread.heap_countdown < 0);
}

/* The countdown ran out: decide, draw the next distance, and record the object (NULL: the allocation failed). */
void heap_sample(void *object, size_t size, const struct unwind_registers *caller);

/* Record that an object that live_take() returned is freed. */
void heap_freed(const struct live_object *object);

#endif
