/* Call frame information: runs the little programs of .eh_frame and hands out their rows.
 *
 * Of the registers, only those that the unwinder follows are kept. Input is any bytes: nothing outside of the given range
 * is read, nothing loops longer than the input. No allocation. */
#ifndef PIKO_PROBE_CONTROL_CFI_H
#define PIKO_PROBE_CONTROL_CFI_H

#include <stdbool.h>
#include <stdint.h>

/* A cursor over bytes of this process. What runs off the end reads as 0 and sets `bad`. */
struct cfi_bytes {
    const uint8_t *at, *end;
    bool bad;
};

/* DW_EH_PE_…: how a pointer is written down. */
#define CFI_ENCODING_ABSOLUTE 0x00u
#define CFI_ENCODING_PCREL_SDATA4 0x1bu
#define CFI_ENCODING_DATAREL_SDATA4 0x3bu
#define CFI_ENCODING_OMIT 0xffu

uint8_t cfi_u8(struct cfi_bytes *bytes);
uint32_t cfi_u32(struct cfi_bytes *bytes);
uint64_t cfi_uleb(struct cfi_bytes *bytes);
int64_t cfi_sleb(struct cfi_bytes *bytes);
/* A pointer in a DW_EH_PE_… encoding; indirect and unknown ones are bad. */
uint64_t cfi_pointer(struct cfi_bytes *bytes, uint8_t encoding, uint64_t data_base);

/* Where a register's caller's value is. */
enum cfi_how { CFI_SAME, CFI_UNDEFINED, CFI_AT_CFA, CFI_IS_CFA, CFI_AT_EXPRESSION, CFI_OTHER };

struct cfi_register {
    uint8_t how;
    union {
        int64_t value;             /* AT_CFA, IS_CFA: offset */
        const uint8_t *expression; /* AT_EXPRESSION: points to its length, a ULEB that was checked */
    };
};

struct cfi_state {
    uint32_t cfa_register; /* DWARF number; when cfa_expression is NULL */
    int64_t cfa_offset;
    const uint8_t *cfa_expression; /* as above */
    struct cfi_register fp, sp, ra;
    uint64_t shape; /* the row function's own: 0 again whenever anything but cfa_offset may have changed */
};

/* A common information entry: what its functions share. */
struct cfi_common {
    const uint8_t *at; /* NULL: none */
    uint64_t code_align;
    int64_t data_align;
    uint8_t encoding; /* of addresses */
    uint64_t shift;   /* of absolute ones, as in cfi_commons */
    bool augmented;   /* functions have augmentation data to skip */
    bool signal;      /* 'S': what is below was interrupted */
    struct cfi_state initial;
};

/* One function's entry. */
struct cfi_function {
    const struct cfi_common *common;
    uint64_t start, limit;
    struct cfi_bytes program;
};

#define CFI_COMMONS 16u /* recently used, by address: linkers merge equal ones, so there are few */
struct cfi_commons {
    uint64_t shift; /* added to absolute addresses: what is parsed is a copy that lies so much higher */
    struct cfi_common entries[CFI_COMMONS];
};

/* Length of the entry at `at`; 0 when it does not lie in [low, high). */
uint64_t cfi_entry_bytes(const uint8_t *low, const uint8_t *high, const uint8_t *at);

/* Parse the function entry at `at`; entries and their common ones lie in [low, high). 0, -EBADMSG, or -ENOTSUP. */
int cfi_function_parse(const uint8_t *low, const uint8_t *high, const uint8_t *at, struct cfi_commons *commons,
                       struct cfi_function *ret);

/* Run its program: `row` is called for each address range whose state may differ from that before it, ascending, each
 * holding up to the next. False when it broke off: what is after the last row is not known. */
typedef void (*cfi_row)(void *data, uint64_t pc, struct cfi_state *state);
bool cfi_function_run(const struct cfi_function *function, cfi_row row, void *data);

#endif
