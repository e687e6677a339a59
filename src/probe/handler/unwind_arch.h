/* What the unwinder knows about the processor and its ABI. Each one's header defines, with DWARF register numbers as in its
 * psABI:
 *
 * UNWIND_DWARF_FP, _SP, _RETURN    frame pointer, stack pointer, return address column
 * UNWIND_RED_ZONE_BYTES            below the stack pointer and still of use: functions that were interrupted while they
 *                                  return may have their saved registers there
 * UNWIND_CODE_ALIGN                of function starts: less than this between two functions is padding
 * UNWIND_GENERAL_REGISTER_COUNT    DWARF numbers that unwind_general_index() takes
 * unwind_general_index(number)     its place in unwind_registers.general
 * unwind_simple_return(fp_offset)  where a simple rule has the return address, from the CFA on, when it has the caller's
 *                                  frame pointer at fp_offset
 * unwind_return_target(address)    where a return address, as it was saved, leads
 * unwind_registers_of(context)     where a signal interrupted its thread
 * unwind_made_return(context)      where the function of a context that makecontext() made returns to
 * UNWIND_CALLER_SP()               stack pointer of the caller of the function that this stands in
 *
 * UNWIND_LINK_REGISTER             true: an interrupted function may have its return address in a register alone,
 * unwind_link(general)             this one,
 * UNWIND_SIGNAL_…                  and signal frames are known by a mark in them, not by a description */
#ifndef PIKO_PROBE_HANDLER_UNWIND_ARCH_H
#define PIKO_PROBE_HANDLER_UNWIND_ARCH_H

#define UNWIND_STACK_ALIGN 16u    /* of the stack pointer at a call, before it */
#define UNWIND_WORD 8u            /* stack slots */
#define UNWIND_SAVED_FP_FROM_FP 0 /* the usual pair: the saved frame pointer is at fp, */
#define UNWIND_RETURN_FROM_FP 8   /* the return address above it, */
#define UNWIND_CFA_FROM_FP 16     /* and the next higher word is the caller's, or one of a frame that goes on above */

#if defined(__x86_64__)
#include "probe/handler/unwind_x86_64.h"
#elif defined(__aarch64__)
#include "probe/handler/unwind_aarch64.h"
#else
#error "the unwinder knows x86-64 and aarch64 only"
#endif

#endif
