/* The stack table: each distinct stack is stored once, by its hash. */
#ifndef PIKO_PROBE_HANDLER_STACKS_H
#define PIKO_PROBE_HANDLER_STACKS_H

#include <stdbool.h>
#include <stdint.h>

/* Id of the stack with these program counters (leaf first, at most SEGMENT_STACK_DEPTH_MAX), made if it is new.
 * 0 when the table is full: the caller counts what it loses; stacks_lost is counted here.
 * Lock-free; two threads that bring the same new stack at once waste one copy of it, never more. */
uint32_t stacks_intern(const uint64_t *pcs, unsigned n, bool truncated);

#endif
