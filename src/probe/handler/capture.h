/* From registers to a stack id. */
#ifndef PIKO_PROBE_HANDLER_CAPTURE_H
#define PIKO_PROBE_HANDLER_CAPTURE_H

#include <stdint.h>

#include "probe/handler/unwind.h"

/* The readable stack above sp. On the thread's own stack, whose bounds are known, all of it; on any other one (alternate
 * signal stacks, coroutines, threads that were there before us) the walk asks the kernel for each page that it comes to:
 * a system call each, and right at any moment, whatever was mapped and unmapped meanwhile. Empty when there is none. */
struct unwind_memory capture_memory(uint64_t sp);

/* Walk the calling thread's stack and intern it. 0 when the stack table is full. */
uint32_t capture_stack(const struct unwind_registers *registers);

/* Walk and intern with memory of the caller's choice (control's copies). */
uint32_t capture_stack_in(const struct unwind_registers *registers, struct unwind_memory memory);

#endif
