/* What the constructor does once the real functions are known. */
#ifndef PIKO_PROBE_HOOKS_INIT_H
#define PIKO_PROBE_HOOKS_INIT_H

/* Lead the short ways of the hooks to the real functions. */
void malloc_init(void);
void locks_init(void);

/* Hear of quick_exit(). */
void ends_init(void);

#endif
