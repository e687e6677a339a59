/* Which sanitizers the program was built with, by their runtimes being there. */
#ifndef PIKO_PROBE_CONTROL_SANITIZERS_H
#define PIKO_PROBE_CONTROL_SANITIZERS_H

#include <stdbool.h>

/* One with an allocator of its own, under which what we sample would be its doings and not the program's. */
bool sanitizers_own_heap(void);

/* One that is blind when hooks stand before its own: better without us. */
bool sanitizers_want_no_company(void);

#endif
