/* From a state of call frame information to a rule of the unwinder. */
#ifndef PIKO_PROBE_CONTROL_CFI_RULE_H
#define PIKO_PROBE_CONTROL_CFI_RULE_H

#include "probe/control/cfi.h"
#include "probe/handler/unwind_table.h"

/* What a state of the two simple kinds is but for its CFA's offset, in the low 18 bits of a word; CFI_SHAPE_OTHER for all
 * others. Never 0. */
#define CFI_SHAPE_OTHER 1u
#define CFI_SHAPE_FP 2u /* this bit: the kind is UNWIND_FP */
#define CFI_SHAPE_BITS 18
uint64_t cfi_shape(const struct cfi_state *state, bool signal);

/* The rule of kind UNWIND_UNKNOWN when the state is beyond what rules can say. Unused fields are 0, so that equal rules
 * have equal bytes. `signal`: the function's augmentation says so. */
void cfi_rule(const struct cfi_state *state, bool signal, struct unwind_rule *ret);

#endif
