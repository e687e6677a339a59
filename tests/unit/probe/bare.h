/* Code that nothing describes. */
#ifndef PIKO_TESTS_UNIT_PROBE_BARE_H
#define PIKO_TESTS_UNIT_PROBE_BARE_H

/* Assembly without CFI: a leaf, one with a frame pointer, one that only saves registers. */
int bare_leaf(int x);
int bare_frame(int (*function)(int), int x);
int bare_pushes(int x);

/* To be copied to memory of no object, as JITs make it, up to jit_end. Each calls the first of `next` with the rest. */
typedef int generated(void *const *next, int x);
extern __attribute__((visibility("hidden"))) const char jit_frame[], jit_frameless[], jit_leaf[], jit_pushes[],
    jit_end[];

#if defined(__x86_64__)
#include "bare_x86_64.h"
#else
#include "bare_aarch64.h"
#endif

#endif
