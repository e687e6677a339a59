/* See unwind_arch.h, which includes this. */
#ifndef PIKO_PROBE_HANDLER_UNWIND_X86_64_H
#define PIKO_PROBE_HANDLER_UNWIND_X86_64_H

#include <stdbool.h>
#include <stdint.h>
#include <ucontext.h>

#include "probe/handler/unwind.h"
#include "probe/handler/unwind_table.h"

#define UNWIND_DWARF_FP 6u      /* rbp */
#define UNWIND_DWARF_SP 7u      /* rsp */
#define UNWIND_DWARF_RETURN 16u /* rip */
#define UNWIND_RED_ZONE_BYTES 128u
#define UNWIND_CODE_ALIGN 16u
#define UNWIND_GENERAL_REGISTER_COUNT 16u

static inline uint8_t unwind_general_index(uint64_t number) {
    static const uint8_t indexes[UNWIND_GENERAL_REGISTER_COUNT] = {
        13 /* rax */, 12 /* rdx */, 14 /* rcx */, 11 /* rbx */, 9 /* rsi */, 8 /* rdi */, 10 /* rbp */, 15 /* rsp */,
        0 /* r8 */,   1 /* r9 */,   2 /* r10 */,  3 /* r11 */,  4 /* r12 */, 5 /* r13 */, 6 /* r14 */,  7 /* r15 */};
    return indexes[number];
}

/* Where the call pushed it. */
static inline int64_t unwind_simple_return(int64_t fp_offset) {
    (void)fp_offset;
    return -8;
}

static inline uint64_t unwind_return_target(uint64_t address) {
    return address;
}

static inline struct unwind_registers unwind_registers_of(const ucontext_t *context) {
    const greg_t *registers = context->uc_mcontext.gregs;
    return (struct unwind_registers){.pc = (uint64_t)registers[REG_RIP],
                                     .sp = (uint64_t)registers[REG_RSP],
                                     .fp = (uint64_t)registers[REG_RBP],
                                     .general = registers};
}

static inline uint64_t unwind_made_return(const ucontext_t *made) {
    return *(const uint64_t *)(uintptr_t)made->uc_mcontext.gregs[REG_RSP];
}

/* In a function with a frame pointer. */
#define UNWIND_CALLER_SP() ((uint64_t)(uintptr_t)__builtin_frame_address(0) + UNWIND_CFA_FROM_FP)

#define UNWIND_LINK_REGISTER false
static inline uint64_t unwind_link(const long long *general) {
    (void)general;
    return 0;
}

/* libc's return from a signal handler has a description. */
#define UNWIND_SIGNAL_MARK 0u
#define UNWIND_SIGNAL_MARK_FROM_SP 0u
#define UNWIND_SIGNAL_LINK_FROM_SP 0u
static const struct unwind_rule unwind_signal_rule = {.kind = UNWIND_UNKNOWN};

#endif
