#ifndef PIKO_PROBE_CONTROL_RANGES_H
#define PIKO_PROBE_CONTROL_RANGES_H

/* Read /proc/self/maps into stack_ranges, and learn the main thread's bounds. Allocates nothing. */
void ranges_refresh(void);

#endif
