/* What the unwinder's tests share: the stack's bounds and a walk from a signal's context. */
#ifndef PIKO_TESTS_UNIT_PROBE_UNWIND_TEST_H
#define PIKO_TESTS_UNIT_PROBE_UNWIND_TEST_H

/* cmocka.h needs what comes before it. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <pthread.h>
#include <ucontext.h>

#include "probe/handler/unwind.h"
#include "probe/handler/unwind_arch.h"

/* End of the calling thread's stack; ordinary context. */
static inline uint64_t stack_high(void) {
    pthread_attr_t attributes;
    void *low = NULL;
    size_t size = 0;
    pthread_getattr_np(pthread_self(), &attributes);
    pthread_attr_getstack(&attributes, &low, &size);
    pthread_attr_destroy(&attributes);
    return (uint64_t)(uintptr_t)low + size;
}

/* `blind`: with what the kernel tells of a blocked thread alone. */
static inline unsigned walk_context_as(const ucontext_t *context, bool blind, uint64_t high, uint64_t *pcs,
                                       unsigned max, bool *complete) {
    struct unwind_registers registers = unwind_registers_of(context);
    uint64_t low = registers.sp - UNWIND_RED_ZONE_BYTES;
    if (blind)
        registers = (struct unwind_registers){.pc = registers.pc, .sp = registers.sp, .fp_unknown = true};
    struct unwind_memory memory = {low, high, (const char *)(uintptr_t)low};
    return unwind_walk(&registers, &memory, pcs, max, complete);
}

static inline unsigned walk_context(const ucontext_t *context, uint64_t high, uint64_t *pcs, unsigned max,
                                    bool *complete) {
    return walk_context_as(context, false, high, pcs, max, complete);
}

#endif
