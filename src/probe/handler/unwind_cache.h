/* Simple rules of recent program counters, and the walk by them.
 *
 * Stacks repeat, and a search in the tables is a chain of dependent loads: a cache line that holds the answer is half the
 * cost. Calls of one function stand on one page of it, since to look a page up is what a cold walk waits for. Shared by all
 * threads without a lock: the two words of an entry may come from two writers, hence `check` covers both the address and
 * the data, spread over all its bits, and a mixed pair matches nothing. So does an entry of another index, by its salt.
 * No table is read here: what holds of sections (unwind.h) does not concern it. For unwind.c alone. */
#ifndef PIKO_PROBE_HANDLER_UNWIND_CACHE_H
#define PIKO_PROBE_HANDLER_UNWIND_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "probe/handler/probe.h"
#include "probe/handler/unwind.h"
#include "probe/handler/unwind_arch.h"
#include "probe/handler/unwind_table.h"

/* The words of a stack that are read at low + [0, span]. */
struct words {
    uint64_t low, span;
    const char *bytes;
};

static inline unsigned readable(const struct words *words, uint64_t address) {
    return (unsigned)(address - words->low <= words->span) & (unsigned)!(address % UNWIND_WORD);
}

static inline uint64_t word_at(const struct words *words, uint64_t address) {
    return *(const uint64_t *)(const void *)(words->bytes + (address - words->low));
}

/* False when there is no whole word in it. */
static inline bool words_of(struct unwind_memory memory, struct words *ret) {
    uint64_t low = (memory.low + UNWIND_WORD - 1) & ~(uint64_t)(UNWIND_WORD - 1);
    if (low < memory.low || memory.high < low || memory.high - low < UNWIND_WORD)
        return false;
    *ret =
        (struct words){.low = low, .span = memory.high - low - UNWIND_WORD, .bytes = memory.bytes + (low - memory.low)};
    return true;
}

struct frame {
    uint64_t pc, sp, fp;
    uint64_t
        link; /* of an interrupted frame: what the link register holds, 0 not known; no other frame's is followed */
    bool pc_is_return, fp_unknown;
};

enum step { STEP_CALLER, STEP_ROOT, STEP_LOST };

#define UNWIND_CACHE_ENTRIES 4096u
#define UNWIND_CACHE_MIX 0x9e3779b97f4a7c15ull

struct unwind_cached {
    uint64_t check; /* address ^ data * UNWIND_CACHE_MIX ^ salt */
    uint64_t data;  /* cfa_offset, fp_offset << 32 (16 bits), kind << 48 */
};
extern struct unwind_cached unwind_cache[UNWIND_CACHE_ENTRIES] HIDDEN;

static inline struct unwind_cached *cache_entry(uint64_t pc) {
    return &unwind_cache[pc % UNWIND_CACHE_ENTRIES];
}

static inline uint64_t cache_check(uint64_t salt, uint64_t pc, uint64_t data) {
    return pc ^ data * UNWIND_CACHE_MIX ^ salt;
}

/* Remember a rule when it is simple or the end; false when it is neither. */
static inline bool cache_rule(uint64_t salt, const struct unwind_rule *rule, uint64_t pc, uint64_t *ret_data) {
    if ((rule->kind > UNWIND_FP && rule->kind != UNWIND_END) || rule->fp_offset < INT16_MIN)
        return false;
    uint64_t data = (uint32_t)rule->cfa_offset | (uint64_t)(uint16_t)rule->fp_offset << 32 | (uint64_t)rule->kind << 48;
    struct unwind_cached *entry = cache_entry(pc);
    __atomic_store_n(&entry->data, data, __ATOMIC_RELAXED);
    __atomic_store_n(&entry->check, cache_check(salt, pc, data), __ATOMIC_RELAXED);
    *ret_data = data;
    return true;
}

/* A simple rule's two loads; false when they would be outside of the stack. */
static inline bool simple_step(const struct words *words, uint64_t data, uint64_t *pc, uint64_t *sp, uint64_t *fp) {
    int64_t fp_offset = (int16_t)(data >> 32);
    uint64_t cfa = (data >> 48 == UNWIND_SP ? *sp : *fp) + (uint64_t)(int64_t)(int32_t)data;
    uint64_t slot = cfa + (uint64_t)unwind_simple_return(fp_offset);
    uint64_t fp_slot = fp_offset ? cfa + (uint64_t)fp_offset : slot;
    if (__builtin_expect(!(readable(words, slot) & readable(words, fp_slot) & (unsigned)(cfa > *sp)), 0))
        return false;
    uint64_t saved = word_at(words, fp_slot);
    *pc = unwind_return_target(word_at(words, slot));
    *sp = cfa;
    *fp = fp_offset ? saved : *fp;
    return true;
}

/* As many frames as are remembered: nearly all of a walk. Everything that a frame needs stays in registers here: hence in
 * line, and nothing by address that is not needed so. STEP_CALLER: the rest of the work on `frame` is not for this. */
static inline __attribute__((always_inline)) enum step
cached_steps(struct words words, uint64_t salt, struct frame *frame, uint64_t *pcs, unsigned *count, unsigned max) {
    uint64_t pc = frame->pc, sp = frame->sp, fp = frame->fp, is_return = frame->pc_is_return;
    unsigned n = *count;
    while (n < max) {
        uint64_t at = pc - is_return;
        const struct unwind_cached *entry = cache_entry(at);
        uint64_t data = __atomic_load_n(&entry->data, __ATOMIC_RELAXED);
        uint64_t check = __atomic_load_n(&entry->check, __ATOMIC_RELAXED);
        if (check != cache_check(salt, at, data))
            break;
        if (data >> 48 == UNWIND_END)
            goto root;
        if (!simple_step(&words, data, &pc, &sp, &fp))
            break;
        is_return = 1;
        if (!pc)
            goto root;
        pcs[n++] = pc - 1;
    }
    frame->pc = pc;
    frame->sp = sp;
    frame->fp = fp;
    frame->pc_is_return = is_return;
    *count = n;
    return STEP_CALLER;
root:
    *count = n;
    return STEP_ROOT;
}

#endif
