/* What hooks of locks record. */
#ifndef PIKO_PROBE_HANDLER_WAITS_H
#define PIKO_PROBE_HANDLER_WAITS_H

#include <stdint.h>

#include "probe/handler/unwind.h"

/* A wait ended (runtime/mprof.go, blocksampled, unbiased since Go 1.17): of at least block_rate_ns it is always kept; a
 * shorter one with probability duration / rate, and then counts rate / duration times and the rate as its time.
 * lock: what was waited for; NULL = no lock. stack: id of the caller's; 0 = not known yet. */
void waits_record_block(uint64_t duration_ns, const void *lock, const struct unwind_registers *caller, uint32_t stack);

/* An unlock of `lock` ended `delay_ns` of waiting: kept once in mutex_fraction, and then stands for that many. */
void waits_record_mutex(uint64_t delay_ns, const void *lock, const struct unwind_registers *caller, uint32_t stack);

#endif
