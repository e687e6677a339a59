/* See unwind_arch.h, which includes this. */
#ifndef PIKO_PROBE_HANDLER_UNWIND_AARCH64_H
#define PIKO_PROBE_HANDLER_UNWIND_AARCH64_H

#include <asm/sigcontext.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <ucontext.h>

#include "probe/handler/unwind.h"
#include "probe/handler/unwind_table.h"

#define UNWIND_DWARF_FP 29u     /* x29 */
#define UNWIND_DWARF_SP 31u     /* sp */
#define UNWIND_DWARF_RETURN 30u /* x30, the link register: a call leaves the return address there */
#define UNWIND_RED_ZONE_BYTES 0u
#define UNWIND_CODE_ALIGN 4u /* an instruction: with -Os functions stand wall to wall */
#define UNWIND_GENERAL_REGISTER_COUNT 31u

static inline uint8_t unwind_general_index(uint64_t number) {
    return (uint8_t)number;
}

/* Above the saved frame pointer: the two are one frame record. */
static inline int64_t unwind_simple_return(int64_t fp_offset) {
    return fp_offset + 8;
}

/* Pointer authentication signs it in bits that addresses don't use. xpaclri takes the signature off, leaves other
 * addresses as they are, and is a no-operation on processors without it. */
static inline uint64_t unwind_return_target(uint64_t address) {
    register uint64_t link __asm__("x30") = address;
    __asm__("hint #7" : "+r"(link));
    return link;
}

static inline struct unwind_registers unwind_registers_of(const ucontext_t *context) {
    const mcontext_t *machine = &context->uc_mcontext;
    return (struct unwind_registers){.pc = machine->pc,
                                     .sp = machine->sp,
                                     .fp = machine->regs[UNWIND_DWARF_FP],
                                     .general = (const long long *)machine->regs};
}

static inline uint64_t unwind_made_return(const ucontext_t *made) {
    return made->uc_mcontext.regs[UNWIND_DWARF_RETURN];
}

#ifdef __clang__
#error "build the probe with gcc on aarch64: clang's __builtin_dwarf_cfa() is not the CFA there"
#endif
#define UNWIND_CALLER_SP() ((uint64_t)(uintptr_t)__builtin_dwarf_cfa())

#define UNWIND_LINK_REGISTER true
static inline uint64_t unwind_link(const long long *general) {
    return (uint64_t)general[UNWIND_DWARF_RETURN];
}

/* The return from a signal handler, __kernel_rt_sigreturn in the vDSO, has no description: unwinders know its frame, which
 * is at the stack pointer (struct rt_sigframe in the kernel's arch/arm64/kernel/signal.c). The mark is the head of the
 * first record behind the general registers, always that of the vector registers. */
#define UNWIND_SIGNAL_MARK ((uint64_t)sizeof(struct fpsimd_context) << 32 | FPSIMD_MAGIC)
#define UNWIND_SIGNAL_FIELD(field) ((uint32_t)(sizeof(siginfo_t) + offsetof(ucontext_t, uc_mcontext.field)))
#define UNWIND_SIGNAL_MARK_FROM_SP UNWIND_SIGNAL_FIELD(__reserved)
#define UNWIND_SIGNAL_LINK_FROM_SP UNWIND_SIGNAL_FIELD(regs[UNWIND_DWARF_RETURN])
static const struct unwind_rule unwind_signal_rule = {.kind = UNWIND_GENERAL,
                                                      .signal = 1,
                                                      .cfa_base = UNWIND_BASE_SP,
                                                      .cfa_deref = 1,
                                                      .cfa_offset = UNWIND_SIGNAL_FIELD(sp),
                                                      .return_base = UNWIND_BASE_SP,
                                                      .return_offset = UNWIND_SIGNAL_FIELD(pc),
                                                      .fp_base = UNWIND_BASE_SP,
                                                      .fp_offset = UNWIND_SIGNAL_FIELD(regs[UNWIND_DWARF_FP])};

#endif
