/* From a state of call frame information to a rule of the unwinder. */
#ifndef PIKO_PROBE_CONTROL_CFI_RULE_H
#define PIKO_PROBE_CONTROL_CFI_RULE_H

#include "probe/control/cfi.h"
#include "probe/handler/unwind_table.h"

/* States of the two simple kinds in the low 49 bits of a word, by which a rule can be remembered; 0 for all others. */
#define CFI_SIMPLE_FP 2u /* this bit: the kind is UNWIND_FP */
uint64_t cfi_simple_key(const struct cfi_state *state, bool signal);

/* The rule of kind UNWIND_UNKNOWN when the state is beyond what rules can say. Unused fields are 0, so that equal rules
 * have equal bytes. `signal`: the function's augmentation says so. */
void cfi_rule(const struct cfi_state *state, bool signal, struct unwind_rule *ret);

#endif
