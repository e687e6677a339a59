/* From registers to a stack id. */
#ifndef PIKO_PROBE_HANDLER_CAPTURE_H
#define PIKO_PROBE_HANDLER_CAPTURE_H

#include <stdint.h>

#include "probe/handler/unwind.h"

/* Address ranges that may hold a stack (readable and writable mappings), sorted: for threads whose bounds are not known,
 * alternate stacks, coroutines. Control rewrites them in place; a reader that meets a rewrite does without. */
#define STACK_RANGES_MAX 4096u
struct stack_ranges {
    uint32_t seq; /* A: odd while being rewritten */
    uint32_t n;   /* A */
    struct stack_range {
        uint64_t low, high; /* A */
    } ranges[STACK_RANGES_MAX];
};
extern struct stack_ranges stack_ranges;

/* End of the range that address is in; 0 when there is none. */
uint64_t stack_range_end(uint64_t address);

/* The readable stack above sp: up to the known end of the stack that sp is on, else to the end of its page.
 * In an unwind section. */
struct unwind_memory capture_memory(uint64_t sp);

/* Walk the calling thread's stack and intern it. 0 when the stack table is full. */
uint32_t capture_stack(const struct unwind_registers *registers);

/* Walk and intern with memory of the caller's choice (control's copies). */
uint32_t capture_stack_in(const struct unwind_registers *registers, struct unwind_memory memory);

#endif
