#include "probe/control/cfi_rule.h"

#include <string.h>

#include "probe/handler/unwind_arch.h"

#define OP_DEREF 0x06
#define OP_PLUS_UCONST 0x23
#define OP_BREG0 0x70
#define OP_BREG31 0x8f

/* The one shape of expression that occurs but for the PLT's: base + offset, or [base + offset] + add. */
struct address {
    uint8_t base; /* enum unwind_base */
    bool deref;
    int32_t offset, add;
};

static bool fits(int64_t value) {
    return value >= INT32_MIN && value <= INT32_MAX;
}

static bool base_of(uint64_t number, uint8_t *ret) {
    if (number == UNWIND_DWARF_SP)
        *ret = UNWIND_BASE_SP;
    else if (number == UNWIND_DWARF_FP)
        *ret = UNWIND_BASE_FP;
    else if (number < UNWIND_GENERAL_REGISTER_COUNT)
        *ret = (uint8_t)(UNWIND_BASE_REGISTER + unwind_general_index(number));
    else
        return false;
    return true;
}

static struct cfi_bytes expression_bytes(const uint8_t *expression) {
    struct cfi_bytes bytes = {.at = expression, .end = expression + 10};
    uint64_t size = cfi_uleb(&bytes);
    bytes.end = bytes.at + size; /* cfi.c saw to it that all of it is there */
    return bytes;
}

static bool parse_address(const uint8_t *expression, struct address *ret) {
    struct cfi_bytes bytes = expression_bytes(expression);
    uint8_t op = cfi_u8(&bytes);
    struct address address = {0};
    if (op < OP_BREG0 || op > OP_BREG31 || !base_of(op - OP_BREG0, &address.base))
        return false;
    int64_t offset = cfi_sleb(&bytes), add = 0;
    while (bytes.at < bytes.end && !bytes.bad) {
        op = cfi_u8(&bytes);
        int64_t *sum = address.deref ? &add : &offset;
        if (op == OP_DEREF && !address.deref)
            address.deref = true;
        else if (op != OP_PLUS_UCONST || __builtin_add_overflow(*sum, (int64_t)cfi_uleb(&bytes), sum))
            return false;
    }
    if (bytes.bad || !fits(offset) || !fits(add))
        return false;
    address.offset = (int32_t)offset;
    address.add = (int32_t)add;
    *ret = address;
    return true;
}

/* What linkers write for the PLT: sp + 8 + ((pc & 15) >= N) * 8. */
static bool parse_plt(const uint8_t *expression, struct unwind_rule *rule) {
    static const uint8_t shape[] = {11,
                                    0x77 /* breg7 */,
                                    8,
                                    0x80 /* breg16 */,
                                    0,
                                    0x3f /* lit15 */,
                                    0x1a /* and */,
                                    0x30,
                                    0x2a /* ge */,
                                    0x33 /* lit3 */,
                                    0x24 /* shl */,
                                    0x22 /* plus */};
    struct cfi_bytes bytes = expression_bytes(expression);
    if (bytes.end - expression != sizeof shape)
        return false;
    uint8_t limit = (uint8_t)(expression[7] - shape[7]); /* litN */
    if (limit > 15 || memcmp(expression, shape, 7) || memcmp(expression + 8, shape + 8, sizeof shape - 8))
        return false;
    rule->kind = UNWIND_PLT;
    rule->cfa_base = UNWIND_BASE_SP;
    rule->cfa_offset = 8;
    rule->cfa_add = limit;
    return true;
}

static bool cfa_rule(const struct cfi_state *state, struct unwind_rule *rule) {
    rule->kind = UNWIND_GENERAL;
    if (!state->cfa_expression) {
        if (!base_of(state->cfa_register, &rule->cfa_base) || !fits(state->cfa_offset))
            return false;
        rule->cfa_offset = (int32_t)state->cfa_offset;
        return true;
    }
    struct address address;
    if (!parse_address(state->cfa_expression, &address))
        return parse_plt(state->cfa_expression, rule);
    rule->cfa_base = address.base;
    rule->cfa_deref = address.deref;
    rule->cfa_offset = address.offset;
    rule->cfa_add = address.add;
    return true;
}

/* A register that was saved in memory: on the stack relative to CFA, sp or fp. */
static bool saved_rule(const struct cfi_register *reg, uint8_t *ret_base, int32_t *ret_offset) {
    if (reg->how == CFI_AT_CFA && fits(reg->value)) {
        *ret_base = UNWIND_BASE_CFA;
        *ret_offset = (int32_t)reg->value;
        return true;
    }
    struct address address;
    if (reg->how != CFI_AT_EXPRESSION || !parse_address(reg->expression, &address) || address.deref ||
        (address.base != UNWIND_BASE_SP && address.base != UNWIND_BASE_FP))
        return false;
    *ret_base = address.base;
    *ret_offset = address.offset;
    return true;
}

static bool return_rule(const struct cfi_register *ra, struct unwind_rule *rule) {
    if (UNWIND_LINK_REGISTER && ra->how == CFI_SAME) {
        rule->return_base = UNWIND_BASE_SAME;
        return true;
    }
    return saved_rule(ra, &rule->return_base, &rule->return_offset);
}

/* The CFA is the caller's stack pointer unless a rule of its own says otherwise, which only signal frames have: it must
 * say the same. */
static bool sp_is_cfa(const struct cfi_state *state, const struct unwind_rule *rule) {
    struct address address;
    switch (state->sp.how) {
    case CFI_SAME:
        return true;
    case CFI_IS_CFA:
        return state->sp.value == 0;
    case CFI_AT_EXPRESSION:
        return parse_address(state->sp.expression, &address) && !address.deref && rule->cfa_deref && !rule->cfa_add &&
               address.base == rule->cfa_base && address.offset == rule->cfa_offset;
    default:
        return false;
    }
}

static bool is_simple(const struct unwind_rule *rule) {
    return rule->kind == UNWIND_GENERAL && !rule->signal && rule->cfa_base <= UNWIND_BASE_FP && !rule->cfa_deref &&
           rule->return_base == UNWIND_BASE_CFA && rule->return_offset == unwind_simple_return(rule->fp_offset) &&
           (rule->fp_base == UNWIND_BASE_SAME || (rule->fp_base == UNWIND_BASE_CFA && rule->fp_offset));
}

uint64_t cfi_shape(const struct cfi_state *state, bool signal) {
    bool fp_saved = state->fp.how == CFI_AT_CFA;
    bool is_fp = state->cfa_register == UNWIND_DWARF_FP;
    if (signal || state->cfa_expression || (!is_fp && state->cfa_register != UNWIND_DWARF_SP) ||
        state->sp.how != CFI_SAME || state->ra.how != CFI_AT_CFA ||
        state->ra.value != unwind_simple_return(fp_saved ? state->fp.value : 0) ||
        (!fp_saved && state->fp.how != CFI_SAME))
        return CFI_SHAPE_OTHER;
    int64_t words = fp_saved ? -state->fp.value / (int64_t)UNWIND_WORD : 0;
    if (fp_saved && (state->fp.value % (int64_t)UNWIND_WORD || words <= 0 || words > INT16_MAX))
        return CFI_SHAPE_OTHER;
    return (is_fp ? CFI_SHAPE_FP : 0) | (uint64_t)words << 2 | (uint64_t)1 << (CFI_SHAPE_BITS - 1);
}

void cfi_rule(const struct cfi_state *state, bool signal, struct unwind_rule *ret) {
    struct unwind_rule rule = {.signal = signal};
    if (state->ra.how == CFI_UNDEFINED) {
        *ret = (struct unwind_rule){.kind = UNWIND_END};
        return;
    }
    if (!cfa_rule(state, &rule) || !sp_is_cfa(state, &rule) || !return_rule(&state->ra, &rule)) {
        *ret = (struct unwind_rule){.kind = UNWIND_UNKNOWN};
        return;
    }
    if (state->fp.how == CFI_SAME)
        rule.fp_base = UNWIND_BASE_SAME;
    else if (!saved_rule(&state->fp, &rule.fp_base, &rule.fp_offset))
        rule.fp_base = UNWIND_BASE_LOST;
    if (is_simple(&rule))
        rule.kind = rule.cfa_base == UNWIND_BASE_SP ? UNWIND_SP : UNWIND_FP;
    *ret = rule;
}
