/* The main thread's stack: the one that no pthread function tells of without taking locks. */
#ifndef PIKO_PROBE_CONTROL_RANGES_H
#define PIKO_PROBE_CONTROL_RANGES_H

/* Learn its bounds from /proc/self/maps. Allocates nothing. */
void ranges_refresh(void);

#endif
