/* The heap sampler: runs inside malloc, so it calls nothing that could allocate. */
#ifndef PIKO_PROBE_HANDLER_HEAP_H
#define PIKO_PROBE_HANDLER_HEAP_H

#include <stddef.h>
#include <stdint.h>

#include "probe/handler/live.h"
#include "probe/handler/probe.h"
#include "probe/handler/unwind.h"

/* The countdown ran out: decide, draw the next distance, and record the object. */
void heap_sample(void *object, size_t size, const struct unwind_registers *caller);

/* Record that an object that live_take() returned is freed. */
void heap_freed(const struct live_object *object);

/* An allocation of the program's: one load and branch while off, a subtraction while on. `caller` is an expression, so
 * that registers are read in the sampled case alone. */
#define HEAP_ALLOCATED(object, size, caller)                                                                           \
    do {                                                                                                               \
        if (unlikely(probe.mem_profile_rate != 0)) {                                                                   \
            probe_thread.heap_countdown -= (int64_t)((size) | !(size));                                                \
            if (unlikely(probe_thread.heap_countdown < 0)) {                                                           \
                struct unwind_registers caller_ = (caller);                                                            \
                heap_sample((object), (size), &caller_);                                                               \
            }                                                                                                          \
        }                                                                                                              \
    } while (0)

#endif
