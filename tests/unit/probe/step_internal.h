/* What the stepping of all processors shares. */
#ifndef PIKO_TESTS_UNIT_PROBE_STEP_INTERNAL_H
#define PIKO_TESTS_UNIT_PROBE_STEP_INTERNAL_H

#include <signal.h>
#include <stdbool.h>

#include "step.h"

/* A call that has not returned. */
struct step_call {
    uint64_t sp; /* the caller's: above the return address where calls push it */
    uint64_t pc; /* to look up */
};

/* The list of calls. */
void step_push(struct step_call call);
void step_pop(void);
const struct step_call *step_top(void); /* NULL: there is none */

/* ---- The processor's part ------------------------------------------------------------------------------------------*/
/* What the instruction did that was executed since the stop `before`. */
void step_follow(const ucontext_t *before, const ucontext_t *now);
/* Have the thread stop at its next instruction, or go on freely. */
void step_arm(ucontext_t *context, bool on);
int step_arch_init(void);
uint64_t step_pc(const ucontext_t *context);

#endif
