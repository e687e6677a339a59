/* What /proc/self/maps tells: which mappings hold code, and where the main thread's stack is, which no pthread function
 * says without taking locks. */
#ifndef PIKO_PROBE_CONTROL_RANGES_H
#define PIKO_PROBE_CONTROL_RANGES_H

#include <stdbool.h>

/* Bring unwind_code_ranges and the main thread's bounds up to date. True when the ranges are not what they were. Allocates
 * nothing. One thread at a time. */
bool ranges_refresh(void);

#endif
