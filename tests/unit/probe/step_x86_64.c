/* By the processor's trap flag. */
#include "step_internal.h"

#define TRAP_FLAG 0x100

uint64_t step_pc(const ucontext_t *context) {
    return (uint64_t)context->uc_mcontext.gregs[REG_RIP];
}

static uint64_t sp_of(const ucontext_t *context) {
    return (uint64_t)context->uc_mcontext.gregs[REG_RSP];
}

/* A call is what pushes the address of the instruction after it. */
void step_follow(const ucontext_t *before, const ucontext_t *now) {
    uint64_t sp = sp_of(now), top = *(const uint64_t *)(uintptr_t)sp, size = top - step_pc(before);
    while (step_top() && step_top()->sp - 8 < sp)
        step_pop();
    if (sp == sp_of(before) - 8 && size >= 2 && size <= 8)
        step_push((struct step_call){.sp = sp + 8, .pc = top - 1});
}

void step_arm(ucontext_t *context, bool on) {
    if (on)
        context->uc_mcontext.gregs[REG_EFL] |= TRAP_FLAG;
    else
        context->uc_mcontext.gregs[REG_EFL] &= ~(long long)TRAP_FLAG;
}

int step_arch_init(void) {
    return 0;
}
