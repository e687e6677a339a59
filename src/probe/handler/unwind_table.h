/* Unwind tables: what probe/control compiles from .eh_frame and the handler reads. Immutable once published.
 *
 * An object's code is cut into blocks of 256 bytes. blocks[b] is the index of the first row that starts in block b, so a
 * row needs the low byte of its address alone: 4 bytes a row, and a look-up touches one word of `blocks` and, nearly
 * always, one cache line of `rows`. A row holds from its address to the next row's. What to do there is a rule; rules are
 * few (hundreds an object) and shared. */
#ifndef PIKO_PROBE_HANDLER_UNWIND_TABLE_H
#define PIKO_PROBE_HANDLER_UNWIND_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UNWIND_BLOCK_SHIFT 8u
#define UNWIND_BLOCK_BYTES (1u << UNWIND_BLOCK_SHIFT)
#define UNWIND_CODE_BYTES_MAX (1ull << 31) /* of one object; larger ones get no table */
#define UNWIND_RULES_MAX 16383u            /* of one object; what needs another one is UNWIND_UNKNOWN */

enum unwind_kind {
    /* CFA = register + cfa_offset; the return address is at CFA + unwind_simple_return(fp_offset); the caller's frame
     * pointer is at CFA + fp_offset, or unchanged when that is 0. All but a hundredth of rules. */
    UNWIND_SP,
    UNWIND_FP,
    UNWIND_GENERAL, /* the fields say it all */
    UNWIND_PLT,     /* CFA = sp + cfa_offset, and a word more from byte cfa_add of each 16-byte entry on */
    UNWIND_END,     /* a thread's first function: no caller */
    UNWIND_UNKNOWN, /* described, but by a rule that we can't express, or a broken one */
    UNWIND_NONE,    /* no description: assembly without CFI, padding */
};

/* The values of the rules that every table starts with. */
enum { UNWIND_RULE_NONE, UNWIND_RULE_UNKNOWN, UNWIND_RULE_END, UNWIND_RULES_FIXED };

enum unwind_base {
    UNWIND_BASE_SP,
    UNWIND_BASE_FP,
    UNWIND_BASE_CFA,
    UNWIND_BASE_SAME,
    UNWIND_BASE_LOST,
    UNWIND_BASE_REGISTER /* + index in unwind_registers.general; a CFA's base only */
};

struct unwind_rule {
    uint8_t kind;        /* enum unwind_kind */
    uint8_t cfa_base;    /* enum unwind_base: SP, FP or REGISTER + n */
    uint8_t cfa_deref;   /* 1: CFA = [base + cfa_offset] + cfa_add; 0: base + cfa_offset */
    uint8_t fp_base;     /* SAME, LOST, or saved at SP, FP or CFA + fp_offset */
    uint8_t return_base; /* SP, FP or CFA; SAME: it is in the link register */
    uint8_t signal;      /* 1: the frame below was interrupted: its pc is exact */
    uint16_t
        fp_from_sp; /* UNWIND_FP: words from sp at a call to the saved fp, plus one; 0 not known. A hint, to be checked */
    int32_t cfa_offset, cfa_add, fp_offset, return_offset;
};
_Static_assert(sizeof(struct unwind_rule) == 24, "three words, hashed as such");

/* One object's table, ready for the search. */
struct unwind_object {
    uint64_t start; /* address of block 0 */
    uint64_t bytes; /* covered from there; everything in it has a row */
    const uint32_t *blocks;
    const uint32_t *rows; /* low byte of the address << 16 | rule; row 0 is at `start` */
    const struct unwind_rule *rules;
};

struct unwind_index {
    uint64_t salt; /* differs between indexes: what is cached under one does not match under the next */
    uint32_t count;
    struct unwind_object objects[]; /* sorted by start, disjoint */
};

/* The index in force, NULL before the first; stored with release by probe/control/modules.c alone. */
extern const struct unwind_index *unwind_current;
/* Its salt, 0 without one; stored after it: known to readers without a section, which may not look into the index. */
extern uint64_t unwind_salt;

/* Executable mappings, sorted: what a return address to code without a table (a JIT's) may point into. Control rewrites
 * them in place; a reader that meets a rewrite takes nothing for code. */
#define UNWIND_CODE_RANGES_MAX 1024u /* the lowest ones; what is above is not taken for code */
struct unwind_code_ranges {
    uint32_t seq; /* A: odd while being rewritten */
    uint32_t n;   /* A */
    struct unwind_code_range {
        uint64_t start, limit; /* A */
    } ranges[UNWIND_CODE_RANGES_MAX];
};
extern struct unwind_code_ranges unwind_code_ranges;

/* Readers inside a section, counted in the slot that `phase` names on their entry (its lowest bit). Who swaps the index
 * waits until both slots were seen empty, with a step of the phase before each, so that newcomers can't delay it. */
struct unwind_readers {
    uint32_t phase;
    uint32_t inside[2];
};
extern struct unwind_readers unwind_readers;

/* Rule of an address that the object covers. */
static inline const struct unwind_rule *unwind_object_rule(const struct unwind_object *object, uint64_t pc) {
    uint64_t offset = pc - object->start;
    const uint32_t *block = object->blocks + (offset >> UNWIND_BLOCK_SHIFT);
    const uint32_t *row =
        object->rows + block[0] - 1; /* the last one of the blocks before holds until the first here */
    uint32_t left = block[1] - block[0];
    uint32_t key = (uint32_t)(offset & (UNWIND_BLOCK_BYTES - 1)) << 16 | 0xffffu;
    while (left) {
        uint32_t half = (left + 1) / 2;
        row += row[half] <= key ? half : 0;
        left -= half;
    }
    return object->rules + (*row & 0xffffu);
}

#endif
