/* What the unwinder knows about the processor and its ABI, in one place. DWARF register numbers are those of the psABI. */
#ifndef PIKO_PROBE_HANDLER_UNWIND_ARCH_H
#define PIKO_PROBE_HANDLER_UNWIND_ARCH_H

#include <stdint.h>

#if defined(__x86_64__)

#define UNWIND_DWARF_FP 6u                /* rbp */
#define UNWIND_DWARF_SP 7u                /* rsp */
#define UNWIND_DWARF_RETURN 16u           /* rip, the return address column */
#define UNWIND_RETURN_FROM_CFA (-8)       /* where a call leaves the return address */
#define UNWIND_SAVED_FP_FROM_FP 0         /* push rbp; mov rsp, rbp: the saved one is at fp, */
#define UNWIND_RETURN_FROM_FP 8           /* the return address above it, */
#define UNWIND_CFA_FROM_FP 16             /* and the caller's stack pointer above that */
#define UNWIND_STACK_ALIGN 16u            /* of the stack pointer at a call, before it */
#define UNWIND_CODE_ALIGN 16u             /* of function starts: less than this between two functions is padding */
#define UNWIND_WORD 8u                    /* stack slots */
#define UNWIND_GENERAL_REGISTER_COUNT 16u /* that have an entry below */

/* DWARF register number to its index in ucontext's uc_mcontext.gregs. */
static const uint8_t unwind_general_register[UNWIND_GENERAL_REGISTER_COUNT] = {
    13 /* rax */, 12 /* rdx */, 14 /* rcx */, 11 /* rbx */, 9 /* rsi */, 8 /* rdi */, 10 /* rbp */, 15 /* rsp */,
    0 /* r8 */,   1 /* r9 */,   2 /* r10 */,  3 /* r11 */,  4 /* r12 */, 5 /* r13 */, 6 /* r14 */,  7 /* r15 */};

#else
#error "the unwinder knows x86-64 only"
#endif

#endif
