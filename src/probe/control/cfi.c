#include "probe/control/cfi.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "probe/handler/unwind_arch.h"

/* ---- Bytes ---------------------------------------------------------------------------------------------------------*/
static uint64_t fixed(struct cfi_bytes *bytes, size_t size) {
    uint64_t value = 0;
    if ((size_t)(bytes->end - bytes->at) < size) {
        bytes->bad = true;
        bytes->at = bytes->end;
        return 0;
    }
    memcpy(&value, bytes->at, size); /* little endian, as everything that unwind_arch.h knows */
    bytes->at += size;
    return value;
}

uint8_t cfi_u8(struct cfi_bytes *bytes) {
    return (uint8_t)fixed(bytes, 1);
}

uint32_t cfi_u32(struct cfi_bytes *bytes) {
    return (uint32_t)fixed(bytes, 4);
}

uint64_t cfi_uleb(struct cfi_bytes *bytes) {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        uint8_t byte = cfi_u8(bytes);
        if (shift < 64)
            value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return value;
    }
    bytes->bad = true;
    return 0;
}

int64_t cfi_sleb(struct cfi_bytes *bytes) {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        uint8_t byte = cfi_u8(bytes);
        if (shift < 64)
            value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            if ((byte & 0x40) && shift + 7 < 64)
                value |= ~(uint64_t)0 << (shift + 7);
            return (int64_t)value;
        }
    }
    bytes->bad = true;
    return 0;
}

static uint64_t encoded_value(struct cfi_bytes *bytes, uint8_t format) {
    switch (format) {
    case 0x00: /* absolute */
    case 0x04: /* udata8 */
    case 0x0c: /* sdata8 */
        return fixed(bytes, 8);
    case 0x01:
        return cfi_uleb(bytes);
    case 0x02:
        return fixed(bytes, 2);
    case 0x03:
        return fixed(bytes, 4);
    case 0x09:
        return (uint64_t)cfi_sleb(bytes);
    case 0x0a:
        return (uint64_t)(int16_t)fixed(bytes, 2);
    case 0x0b:
        return (uint64_t)(int32_t)fixed(bytes, 4);
    default:
        bytes->bad = true;
        return 0;
    }
}

uint64_t cfi_pointer(struct cfi_bytes *bytes, uint8_t encoding, uint64_t data_base) {
    uint64_t here = (uint64_t)(uintptr_t)bytes->at;
    uint64_t value = encoded_value(bytes, encoding & 0x0f);
    switch (encoding & 0xf0) {
    case 0x00:
        return value;
    case 0x10:
        return value + here;
    case 0x30:
        return value + data_base;
    default:
        bytes->bad = true;
        return 0;
    }
}

static uint64_t code_pointer(struct cfi_bytes *bytes, const struct cfi_common *common) {
    bool is_absolute = (common->encoding & 0xf0) == 0;
    return cfi_pointer(bytes, common->encoding, 0) + (is_absolute ? common->shift : 0);
}

/* A length and that many bytes; returns where the length stands. */
static const uint8_t *block(struct cfi_bytes *bytes) {
    const uint8_t *at = bytes->at;
    uint64_t size = cfi_uleb(bytes);
    if (size > (uint64_t)(bytes->end - bytes->at)) {
        bytes->bad = true;
        bytes->at = bytes->end;
    } else {
        bytes->at += size;
    }
    return at;
}

/* ---- Programs ------------------------------------------------------------------------------------------------------*/
#define COMMON_BYTES_MAX 512 /* real ones have 24 to 40; they may be parsed anew for each function */
#define CODE_ALIGN_MAX 64u   /* so that 32 bits of it don't overflow; 1 for x86-64, 4 for others */
#define REMEMBERED_MAX 8u    /* compilers nest one or two */

struct machine {
    const struct cfi_common *common;
    const struct cfi_state *initial; /* NULL while it is being made */
    struct cfi_state state;
    struct cfi_state remembered[REMEMBERED_MAX];
    unsigned n_remembered;
    uint64_t pc, limit;
    struct cfi_bytes bytes;
    bool changed; /* the state, since the last row */
    cfi_row row;
    void *data;
};

static inline void reshape(struct machine *machine) {
    machine->state.shape = 0;
    machine->changed = true;
}

static inline void set_cfa_offset(struct machine *machine, int64_t offset) {
    machine->changed |= offset != machine->state.cfa_offset;
    machine->state.cfa_offset = offset;
}

/* NULL for registers that nobody follows. */
static struct cfi_register *followed(struct cfi_state *state, uint64_t number) {
    return number == UNWIND_DWARF_FP       ? &state->fp
           : number == UNWIND_DWARF_RETURN ? &state->ra
           : number == UNWIND_DWARF_SP     ? &state->sp
                                           : NULL;
}

static inline void set(struct machine *machine, uint64_t number, enum cfi_how how, int64_t value) {
    struct cfi_register *reg = followed(&machine->state, number);
    if (!reg)
        return;
    *reg = (struct cfi_register){.how = (uint8_t)how, .value = value};
    reshape(machine);
}

static void set_expression(struct machine *machine, uint64_t number, const uint8_t *expression) {
    struct cfi_register *reg = followed(&machine->state, number);
    if (!reg)
        return;
    *reg = (struct cfi_register){.how = CFI_AT_EXPRESSION, .expression = expression};
    reshape(machine);
}

static void restore(struct machine *machine, uint64_t number) {
    struct cfi_register *reg = followed(&machine->state, number);
    if (!machine->initial) {
        machine->bytes.bad = true;
    } else if (reg) {
        *reg = number == UNWIND_DWARF_FP   ? machine->initial->fp
               : number == UNWIND_DWARF_SP ? machine->initial->sp
                                           : machine->initial->ra;
        reshape(machine);
    }
}

static void set_cfa(struct machine *machine, uint64_t number, int64_t offset) {
    machine->state.cfa_register = number <= UINT32_MAX ? (uint32_t)number : UINT32_MAX;
    machine->state.cfa_offset = offset;
    machine->state.cfa_expression = NULL;
    reshape(machine);
}

static int64_t factored(const struct machine *machine, uint64_t value) {
    return (int64_t)(value * (uint64_t)machine->common->data_align);
}

static inline void give_row(struct machine *machine, uint64_t pc) {
    machine->row(machine->data, pc, &machine->state);
    machine->changed = false;
}

/* Everything up to `to` has the present state. */
static inline void move_to(struct machine *machine, uint64_t to) {
    if (to < machine->pc) {
        machine->bytes.bad = true;
        return;
    }
    if (machine->changed && to > machine->pc && machine->pc < machine->limit && machine->row)
        give_row(machine, machine->pc);
    machine->pc = to;
}

static inline void advance(struct machine *machine, uint32_t delta) {
    move_to(machine, machine->pc + delta * machine->common->code_align);
}

static void remember(struct machine *machine) {
    if (machine->n_remembered == REMEMBERED_MAX)
        machine->bytes.bad = true;
    else
        machine->remembered[machine->n_remembered++] = machine->state;
}

static void recall(struct machine *machine) {
    if (!machine->n_remembered)
        machine->bytes.bad = true;
    else
        machine->state = machine->remembered[--machine->n_remembered];
    machine->changed = true;
}

/* DW_CFA_… that change how the CFA is found; false for others. */
static bool run_cfa(struct machine *machine, uint8_t op) {
    struct cfi_bytes *bytes = &machine->bytes;
    uint64_t number;
    switch (op) {
    case 0x0c: /* def_cfa */
        number = cfi_uleb(bytes);
        set_cfa(machine, number, (int64_t)cfi_uleb(bytes));
        return true;
    case 0x0d: /* def_cfa_register */
        set_cfa(machine, cfi_uleb(bytes), machine->state.cfa_offset);
        return true;
    case 0x0f: /* def_cfa_expression */
        machine->state.cfa_expression = block(bytes);
        reshape(machine);
        return true;
    case 0x12: /* def_cfa_sf */
        number = cfi_uleb(bytes);
        set_cfa(machine, number, factored(machine, (uint64_t)cfi_sleb(bytes)));
        return true;
    case 0x13: /* def_cfa_offset_sf */
        set_cfa_offset(machine, factored(machine, (uint64_t)cfi_sleb(bytes)));
        return true;
    default:
        return false;
    }
}

/* DW_CFA_… that say where a register is; false for others. */
static bool run_register(struct machine *machine, uint8_t op) {
    struct cfi_bytes *bytes = &machine->bytes;
    if (!((op >= 0x05 && op <= 0x09) || op == 0x10 || op == 0x11 || (op >= 0x14 && op <= 0x16) || op == 0x2f))
        return false;
    uint64_t number = cfi_uleb(bytes);
    switch (op) {
    case 0x05: /* offset_extended */
        set(machine, number, CFI_AT_CFA, factored(machine, cfi_uleb(bytes)));
        break;
    case 0x06: /* restore_extended */
        restore(machine, number);
        break;
    case 0x07: /* undefined */
        set(machine, number, CFI_UNDEFINED, 0);
        break;
    case 0x08: /* same_value */
        set(machine, number, CFI_SAME, 0);
        break;
    case 0x09: /* register */
        cfi_uleb(bytes);
        set(machine, number, CFI_OTHER, 0);
        break;
    case 0x10: /* expression */
        set_expression(machine, number, block(bytes));
        break;
    case 0x11: /* offset_extended_sf */
        set(machine, number, CFI_AT_CFA, factored(machine, (uint64_t)cfi_sleb(bytes)));
        break;
    case 0x14: /* val_offset */
        set(machine, number, CFI_IS_CFA, factored(machine, cfi_uleb(bytes)));
        break;
    case 0x15: /* val_offset_sf */
        set(machine, number, CFI_IS_CFA, factored(machine, (uint64_t)cfi_sleb(bytes)));
        break;
    case 0x16: /* val_expression */
        block(bytes);
        set(machine, number, CFI_OTHER, 0);
        break;
    default: /* 0x2f, GNU_negative_offset_extended */
        set(machine, number, CFI_AT_CFA, factored(machine, 0 - cfi_uleb(bytes)));
        break;
    }
    return true;
}

static void run_other(struct machine *machine, uint8_t op) {
    struct cfi_bytes *bytes = &machine->bytes;
    switch (op) {
    case 0x00: /* nop */
        break;
    case 0x01: /* set_loc */
        move_to(machine, code_pointer(bytes, machine->common));
        break;
    case 0x02: /* advance_loc1, 2, 4 */
        advance(machine, cfi_u8(bytes));
        break;
    case 0x03:
        advance(machine, (uint32_t)fixed(bytes, 2));
        break;
    case 0x04:
        advance(machine, cfi_u32(bytes));
        break;
    case 0x0a:
        remember(machine);
        break;
    case 0x0b:
        recall(machine);
        break;
    case 0x2e: /* GNU_args_size: concerns exceptions alone */
        cfi_uleb(bytes);
        break;
    case 0x2c: /* AARCH64_negate_ra_state_with_pc, AARCH64_negate_ra_state: signatures are taken off */
    case 0x2d: /* wherever there is one */
        break;
    default:
        if (!run_cfa(machine, op) && !run_register(machine, op))
            bytes->bad = true;
        break;
    }
}

/* The operations that nearly all programs consist of, with what they need at hand. Stops at the first that is another one,
 * or not as usual, or among the last bytes. */
static void run_usual(struct machine *machine) {
    const uint8_t *at = machine->bytes.at, *end = machine->bytes.end;
    uint64_t align = machine->common->code_align, pc = machine->pc, limit = machine->limit;
    while (end - at >= 3 && pc < limit) {
        uint8_t op = at[0], low = op & 0x3f;
        if ((op & 0xc0) == 0x40) { /* advance_loc */
            if (machine->changed && low && machine->row)
                give_row(machine, pc);
            pc += low * align;
            at++;
        } else if (op == 0x0e && (at[1] < 0x80 || at[2] < 0x80)) { /* def_cfa_offset */
            bool is_short = at[1] < 0x80;
            set_cfa_offset(machine, is_short ? at[1] : (at[1] & 0x7f) | at[2] << 7);
            at += is_short ? 2 : 3;
        } else if ((op & 0xc0) == 0x80 && at[1] < 0x80) { /* offset */
            set(machine, low, CFI_AT_CFA, factored(machine, at[1]));
            at += 2;
        } else {
            break;
        }
    }
    machine->bytes.at = at;
    machine->pc = pc;
}

static void run_any(struct machine *machine) {
    struct cfi_bytes *bytes = &machine->bytes;
    uint8_t op = *bytes->at++, low = op & 0x3f;
    if ((op & 0xc0) == 0x40)
        advance(machine, low);
    else if ((op & 0xc0) == 0x80)
        set(machine, low, CFI_AT_CFA, factored(machine, cfi_uleb(bytes)));
    else if ((op & 0xc0) == 0xc0)
        restore(machine, low);
    else if (op == 0x0e)
        set_cfa_offset(machine, (int64_t)cfi_uleb(bytes));
    else
        run_other(machine, op);
}

static bool run(struct machine *machine) {
    struct cfi_bytes *bytes = &machine->bytes;
    run_usual(machine);
    while (bytes->at < bytes->end && !bytes->bad && machine->pc < machine->limit) {
        run_any(machine);
        run_usual(machine);
    }
    return !bytes->bad;
}

bool cfi_function_run(const struct cfi_function *function, cfi_row row, void *data) {
    struct machine machine;
    machine.common = function->common;
    machine.initial = &function->common->initial;
    machine.state = function->common->initial;
    machine.n_remembered = 0;
    machine.pc = function->start;
    machine.limit = function->limit;
    machine.bytes = function->program;
    machine.changed = true;
    machine.row = row;
    machine.data = data;
    if (!run(&machine))
        return false;
    move_to(&machine, machine.pc < machine.limit ? machine.limit : machine.pc);
    return true;
}

/* ---- Entries -------------------------------------------------------------------------------------------------------*/
/* The bytes of the entry at `at`, after its length; 64-bit DWARF does not occur in .eh_frame. */
static bool entry_bytes(const uint8_t *low, const uint8_t *high, const uint8_t *at, struct cfi_bytes *ret) {
    if (at < low || at >= high)
        return false;
    struct cfi_bytes bytes = {.at = at, .end = high};
    uint32_t length = cfi_u32(&bytes);
    if (bytes.bad || length < 4 || length > (uint64_t)(high - bytes.at))
        return false;
    *ret = (struct cfi_bytes){.at = bytes.at, .end = bytes.at + length};
    return true;
}

uint64_t cfi_entry_bytes(const uint8_t *low, const uint8_t *high, const uint8_t *at) {
    struct cfi_bytes bytes;
    return entry_bytes(low, high, at, &bytes) ? (uint64_t)(bytes.end - at) : 0;
}

/* The augmentation string, then the factors, then the augmentation's data: "zPLR" and the like, "" too. */
static int parse_augmentation(struct cfi_bytes *bytes, const char *text, struct cfi_common *common) {
    common->encoding = CFI_ENCODING_ABSOLUTE;
    if (!*text)
        return 0;
    if (*text++ != 'z')
        return -ENOTSUP;
    common->augmented = true;
    uint64_t size = cfi_uleb(bytes);
    if (size > (uint64_t)(bytes->end - bytes->at))
        return -EBADMSG;
    struct cfi_bytes data = {.at = bytes->at, .end = bytes->at + size};
    bytes->at += size;
    for (; *text; text++) {
        if (*text == 'R')
            common->encoding = cfi_u8(&data);
        else if (*text == 'L')
            cfi_u8(&data);
        else if (*text == 'P')
            encoded_value(&data, cfi_u8(&data) & 0x0f);
        else if (*text == 'S')
            common->signal = true;
        else if (*text != 'B' && *text != 'G') /* aarch64: signed by the other key; memory with tags */
            return -ENOTSUP;
    }
    return data.bad ? -EBADMSG : 0;
}

static int parse_common(const uint8_t *low, const uint8_t *high, const uint8_t *at, struct cfi_common *ret) {
    struct cfi_bytes bytes;
    if (!entry_bytes(low, high, at, &bytes) || bytes.end - at > COMMON_BYTES_MAX || cfi_u32(&bytes) != 0)
        return -EBADMSG;
    uint8_t version = cfi_u8(&bytes);
    const char *text = (const char *)bytes.at;
    const uint8_t *end = memchr(bytes.at, 0, (size_t)(bytes.end - bytes.at));
    if (!end)
        return -EBADMSG;
    if (version != 1 && version != 3)
        return -ENOTSUP;
    bytes.at = end + 1;
    struct cfi_common common = {.at = at};
    common.code_align = cfi_uleb(&bytes);
    common.data_align = cfi_sleb(&bytes);
    uint64_t return_register = version == 1 ? cfi_u8(&bytes) : cfi_uleb(&bytes);
    if (return_register != UNWIND_DWARF_RETURN || common.code_align > CODE_ALIGN_MAX)
        return -ENOTSUP;
    int error = parse_augmentation(&bytes, text, &common);
    if (error)
        return error;
    struct machine machine = {.common = &common, .state.cfa_register = UINT32_MAX, .limit = 1, .bytes = bytes};
    if (!run(&machine) || machine.pc)
        return -EBADMSG;
    common.initial = machine.state;
    *ret = common;
    return 0;
}

static int find_common(const uint8_t *low, const uint8_t *high, const uint8_t *at, struct cfi_commons *commons,
                       const struct cfi_common **ret) {
    struct cfi_common *entry = &commons->entries[((uintptr_t)at >> 3) % CFI_COMMONS];
    if (entry->at != at) {
        entry->at = NULL;
        int error = parse_common(low, high, at, entry);
        if (error)
            return error;
        entry->shift = commons->shift;
    }
    *ret = entry;
    return 0;
}

int cfi_function_parse(const uint8_t *low, const uint8_t *high, const uint8_t *at, struct cfi_commons *commons,
                       struct cfi_function *ret) {
    struct cfi_bytes bytes;
    if (!entry_bytes(low, high, at, &bytes))
        return -EBADMSG;
    struct cfi_function function = {0};
    const uint8_t *here = bytes.at;
    uint32_t back = cfi_u32(&bytes);
    if (!back || back > (uint64_t)(here - low))
        return -EBADMSG;
    int error = find_common(low, high, here - back, commons, &function.common);
    if (error)
        return error;
    function.start = code_pointer(&bytes, function.common);
    uint64_t size = encoded_value(&bytes, function.common->encoding & 0x0f);
    if (function.common->augmented)
        block(&bytes);
    if (bytes.bad || __builtin_add_overflow(function.start, size, &function.limit))
        return -EBADMSG;
    function.program = bytes;
    *ret = function;
    return 0;
}
