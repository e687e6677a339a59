/* Where samples add up. Each returns false when there was no room (or stack_id is 0): the caller's loss is counted here.
 * Lock-free and bounded. */
#ifndef PIKO_PROBE_HANDLER_BUCKETS_H
#define PIKO_PROBE_HANDLER_BUCKETS_H

#include <stdbool.h>
#include <stdint.h>

#include "segment/segment.h"

/* key: segment_cpu_key() */
void buckets_add_cpu(uint64_t key, const struct segment_thread *record, uint64_t samples, uint64_t ns);

/* Index of the heap bucket for (stack, class of size, rate), its allocation counted; UINT32_MAX when lost. */
uint32_t buckets_add_alloc(uint32_t stack_id, uint64_t size, uint64_t rate);
void buckets_add_free(uint32_t bucket, uint64_t size);

/* lock: its address; NULL = not a lock. Only the first BUCKETS_LOCKS_MAX that anybody waited for are told apart: a program
 * that makes and drops locks all the time must not fill the tables. */
#define BUCKETS_LOCKS_MAX 256u /* power of two */
void buckets_add_block(uint32_t stack_id, const void *lock, uint64_t count_q16, uint64_t ns);
void buckets_add_mutex(uint32_t stack_id, const void *lock, uint64_t count_q16, uint64_t ns);

#endif
