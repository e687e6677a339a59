#ifndef PIKO_PROBE_HOOKS_THREADS_H
#define PIKO_PROBE_HOOKS_THREADS_H

/* Once, when the library is loaded: a key whose destructor sees threads end. */
void threads_init(void);

#endif
