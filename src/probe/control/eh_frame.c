#include "probe/control/eh_frame.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "probe/control/cfi.h"
#include "probe/control/cfi_rule.h"
#include "probe/control/peek.h"
#include "probe/control/prologue.h"
#include "probe/handler/unwind_arch.h"

#define HEADER_VERSION 1
#define ENTRY_BYTES 8u        /* of the header's table: address and function entry, both relative to the header */
#define RULE_SLOTS (1u << 15) /* open addressing, at most half full */
#define MEMO_SLOTS 256u       /* power of two */
#define MEMO_CFA_OFFSET_MAX (((uint64_t)1 << 30) - 1) /* of remembered states: bits 18 to 47 of their key */
#define CODE_BYTES_MAX 65536u                         /* of a function that is looked at; longer ones get no hint */

/* ---- Rules, each once ----------------------------------------------------------------------------------------------*/
struct rules {
    uint16_t slots[RULE_SLOTS]; /* rule index, 0 free: the rule of that number is never looked for */
    struct unwind_rule list[UNWIND_RULES_MAX];
    uint32_t count;
    struct memo {
        uint64_t key; /* shape, CFA offset, fp_from_sp; 0: none */
        uint32_t rule;
    } memo[MEMO_SLOTS];
    uint8_t code[CODE_BYTES_MAX];
};

static uint32_t rule_hash(const struct unwind_rule *rule) {
    uint64_t words[3];
    memcpy(words, rule, sizeof words);
    uint64_t hash = (words[0] ^ words[1] * 0x9e3779b97f4a7c15ull) * 0xff51afd7ed558ccdull;
    hash = (hash ^ words[2] ^ hash >> 32) * 0xc4ceb9fe1a85ec53ull;
    return (uint32_t)(hash >> 49);
}

static uint32_t intern(struct rules *rules, const struct unwind_rule *rule) {
    if (rule->kind == UNWIND_END)
        return UNWIND_RULE_END;
    if (rule->kind == UNWIND_UNKNOWN)
        return UNWIND_RULE_UNKNOWN;
    uint32_t slot = rule_hash(rule);
    while (rules->slots[slot]) {
        if (!memcmp(&rules->list[rules->slots[slot]], rule, sizeof *rule))
            return rules->slots[slot];
        slot = (slot + 1) % RULE_SLOTS;
    }
    if (rules->count == UNWIND_RULES_MAX)
        return UNWIND_RULE_UNKNOWN;
    rules->list[rules->count] = *rule;
    rules->slots[slot] = (uint16_t)rules->count;
    return rules->count++;
}

/* ---- Rows, ascending -----------------------------------------------------------------------------------------------*/
struct builder {
    struct rules *rules;
    uint64_t start; /* address of block 0 */
    uint32_t *blocks, n_blocks, next_block;
    uint32_t *rows, n_rows;
    uint32_t last_rule;
    uint64_t last_pc;
    /* Of the function that is being compiled: */
    bool signal;
    uint16_t fp_from_sp;
    uint64_t code_limit; /* 0: can't be looked at, or was */
    uint64_t shift;
};

static inline __attribute__((always_inline)) void add_row(struct builder *builder, uint64_t pc, uint32_t rule) {
    if (builder->n_rows && pc == builder->last_pc) /* the one before holds for no byte */
        builder->n_rows--;
    else if (builder->n_rows && rule == builder->last_rule)
        return;
    uint64_t offset = pc - builder->start;
    while (builder->next_block <= offset >> UNWIND_BLOCK_SHIFT)
        builder->blocks[builder->next_block++] = builder->n_rows;
    builder->rows[builder->n_rows++] = (uint32_t)(offset & (UNWIND_BLOCK_BYTES - 1)) << 16 | rule;
    builder->last_rule = rule;
    builder->last_pc = pc;
}

static __attribute__((noinline)) uint32_t rule_of(struct builder *builder, const struct cfi_state *state) {
    struct unwind_rule rule;
    cfi_rule(state, builder->signal, &rule);
    if (rule.kind == UNWIND_FP)
        rule.fp_from_sp = builder->fp_from_sp;
    return intern(builder->rules, &rule);
}

/* push fp; mov sp, fp: done. */
static bool is_frame_pointer_set_up(const struct cfi_state *state) {
    return !state->cfa_expression && state->cfa_register == UNWIND_DWARF_FP &&
           state->cfa_offset == UNWIND_CFA_FROM_FP && state->fp.how == CFI_AT_CFA &&
           state->fp.value == -UNWIND_CFA_FROM_FP;
}

/* A state that differs from those before it in more than its CFA's offset. */
static __attribute__((noinline)) void take_shape(struct builder *builder, uint64_t pc, struct cfi_state *state) {
    if (builder->code_limit && is_frame_pointer_set_up(state)) {
        size_t bytes = builder->code_limit - pc;
        if (bytes <= CODE_BYTES_MAX && peek(pc - builder->shift, builder->rules->code, bytes) == bytes)
            builder->fp_from_sp = prologue_fp_from_sp(builder->rules->code, bytes);
        builder->code_limit = 0;
    }
    state->shape = cfi_shape(state, builder->signal);
}

/* Nearly all states are simple, and of few kinds: these skip the making and the search of a rule. */
static void add_state(void *data, uint64_t pc, struct cfi_state *state) {
    struct builder *builder = data;
    if (!state->shape)
        take_shape(builder, pc, state);
    uint64_t key = state->shape | (uint64_t)state->cfa_offset << CFI_SHAPE_BITS;
    if (state->shape == CFI_SHAPE_OTHER || (uint64_t)state->cfa_offset > MEMO_CFA_OFFSET_MAX) {
        add_row(builder, pc, rule_of(builder, state));
        return;
    }
    if (key & CFI_SHAPE_FP)
        key ^= (uint64_t)builder->fp_from_sp << 48;
    struct memo *memo = &builder->rules->memo[(key * 0x9e3779b97f4a7c15ull >> 56) % MEMO_SLOTS];
    if (memo->key != key)
        *memo = (struct memo){.key = key, .rule = rule_of(builder, state)};
    add_row(builder, pc, memo->rule);
}

static void end_rows(struct builder *builder) {
    while (builder->next_block <= builder->n_blocks)
        builder->blocks[builder->next_block++] = builder->n_rows;
}

/* ---- The header's table --------------------------------------------------------------------------------------------*/
struct source {
    const struct eh_frame_input *input;
    const uint8_t *entries;
    uint32_t n_entries;
    struct cfi_commons commons;
};

static bool inside(const struct eh_frame_input *input, const uint8_t *at) {
    return at >= input->low && at < input->high;
}

static int open_source(const struct eh_frame_input *input, struct source *ret) {
    if (!inside(input, input->header))
        return -EBADMSG;
    struct cfi_bytes bytes = {.at = input->header, .end = input->high};
    uint64_t base = (uint64_t)(uintptr_t)input->header;
    uint8_t version = cfi_u8(&bytes), frame = cfi_u8(&bytes), count = cfi_u8(&bytes), table = cfi_u8(&bytes);
    if (version != HEADER_VERSION || count == CFI_ENCODING_OMIT || table != CFI_ENCODING_DATAREL_SDATA4)
        return -ENOTSUP;
    cfi_pointer(&bytes, frame, base);
    uint64_t n = cfi_pointer(&bytes, count, base);
    if (bytes.bad || n > (uint64_t)(bytes.end - bytes.at) / ENTRY_BYTES)
        return -EBADMSG;
    if (!n)
        return -ENOTSUP;
    ret->input = input;
    ret->entries = bytes.at;
    ret->n_entries = (uint32_t)n;
    return 0;
}

static uint64_t entry_word(const struct source *source, uint32_t i, uint32_t word) {
    int32_t offset;
    memcpy(&offset, source->entries + (size_t)i * ENTRY_BYTES + (size_t)word * 4, sizeof offset);
    return (uint64_t)(uintptr_t)source->input->header + (uint64_t)(int64_t)offset;
}

/* Where the function after the i-th starts; in a table that is not sorted, anything. */
static uint64_t next_start(const struct source *source, uint32_t i) {
    return i + 1 < source->n_entries ? entry_word(source, i + 1, 0) : source->input->code_limit;
}

/* No function starts between the end of one and the next aligned address: such a gap is padding, which needs no row. */
static bool is_padding(uint64_t start, uint64_t limit) {
    return limit - start < UNWIND_CODE_ALIGN && start % UNWIND_CODE_ALIGN &&
           limit <= (start | (UNWIND_CODE_ALIGN - 1)) + 1;
}

/* It has a row from the byte before its start on, by which those that return to its start look it up. */
static void add_root(struct builder *builder, const struct cfi_function *function) {
    add_row(builder, function->start > builder->start ? function->start - 1 : function->start, UNWIND_RULE_END);
}

static bool compile_function(struct source *source, uint32_t i, struct builder *builder, uint64_t *ret_limit) {
    const struct eh_frame_input *input = source->input;
    uint64_t start = entry_word(source, i, 0);
    struct cfi_function function;
    if (cfi_function_parse(input->low, input->high, (const uint8_t *)(uintptr_t)entry_word(source, i, 1),
                           &source->commons, &function) ||
        function.start != start)
        return false;
    uint64_t next = next_start(source, i);
    if (function.limit > next)
        function.limit = next;
    if (start >= function.limit)
        return false;
    builder->signal = function.common->signal;
    builder->fp_from_sp = 0;
    builder->code_limit = input->code_readable ? function.limit : 0;
    if (start == input->root)
        add_root(builder, &function);
    else if (!cfi_function_run(&function, add_state, builder))
        add_row(builder, builder->last_pc > start ? builder->last_pc : start, UNWIND_RULE_UNKNOWN);
    *ret_limit = function.limit;
    return true;
}

/* Entries that are out of order or outside of the code are left out. */
static uint32_t compile_functions(struct source *source, struct builder *builder) {
    uint64_t limit = builder->start; /* of what has rows */
    uint32_t functions = 0;
    add_row(builder, limit, UNWIND_RULE_NONE);
    for (uint32_t i = 0; i < source->n_entries; i++) {
        uint64_t start = entry_word(source, i, 0), next = next_start(source, i);
        if (start < limit || start < source->input->code_start || next > source->input->code_limit || next < start)
            continue;
        if (start > limit && !is_padding(limit, start))
            add_row(builder, limit, UNWIND_RULE_NONE);
        functions += compile_function(source, i, builder, &limit);
    }
    if (limit < builder->start + ((uint64_t)builder->n_blocks << UNWIND_BLOCK_SHIFT))
        add_row(builder, limit, UNWIND_RULE_NONE);
    end_rows(builder);
    return functions;
}

/* ---- Memory --------------------------------------------------------------------------------------------------------*/
static void *map(size_t bytes) {
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

static size_t pages(size_t bytes) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    return (bytes + page - 1) & ~(page - 1);
}

/* Rules go after the rows, the rest of the reservation goes back, and nobody writes there again. */
static int seal(struct builder *builder, char *mapping, size_t reserved, struct eh_frame_table *ret) {
    size_t at = (size_t)((char *)(builder->rows + builder->n_rows) - mapping);
    at = (at + sizeof(uint64_t) - 1) & ~(sizeof(uint64_t) - 1);
    size_t rules_bytes = builder->rules->count * sizeof(struct unwind_rule);
    size_t used = pages(at + rules_bytes);
    memcpy(mapping + at, builder->rules->list, rules_bytes);
    if (used < reserved)
        munmap(mapping + used, reserved - used);
    if (mprotect(mapping, used, PROT_READ)) {
        munmap(mapping, used);
        return -ENOMEM;
    }
    *ret = (struct eh_frame_table){.object = {.start = builder->start - builder->shift,
                                              .bytes = (uint64_t)builder->n_blocks << UNWIND_BLOCK_SHIFT,
                                              .blocks = builder->blocks,
                                              .rows = builder->rows,
                                              .rules = (const struct unwind_rule *)(const void *)(mapping + at)},
                                   .mapping = mapping,
                                   .mapping_bytes = used,
                                   .rows = builder->n_rows,
                                   .rules = builder->rules->count};
    return 0;
}

/* Bytes of all entries: honest ones don't overlap, so they are no more than the input, which bounds the work. */
static int measure(const struct source *source, uint64_t *ret) {
    const struct eh_frame_input *input = source->input;
    uint64_t sum = 0;
    for (uint32_t i = 0; i < source->n_entries; i++) {
        sum += cfi_entry_bytes(input->low, input->high, (const uint8_t *)(uintptr_t)entry_word(source, i, 1));
        if (sum > (uint64_t)(input->high - input->low))
            return -EBADMSG;
    }
    *ret = sum;
    return 0;
}

static int build(struct source *source, struct rules *rules, struct eh_frame_table *ret) {
    const struct eh_frame_input *input = source->input;
    uint64_t start = entry_word(source, 0, 0);
    if (start < input->code_start || start >= input->code_limit)
        return -EBADMSG;
    struct builder builder = {
        .rules = rules, .start = start & ~(uint64_t)(UNWIND_BLOCK_BYTES - 1), .shift = input->shift};
    if (input->code_limit - builder.start > UNWIND_CODE_BYTES_MAX)
        return -E2BIG;
    builder.n_blocks = (uint32_t)((input->code_limit - builder.start + UNWIND_BLOCK_BYTES - 1) >> UNWIND_BLOCK_SHIFT);
    uint64_t source_bytes;
    int error = measure(source, &source_bytes);
    if (error)
        return error;
    /* A row takes a byte of a program at the least; three more a function for its end, its gap, and its breaking off. */
    uint64_t max_rows = source_bytes + 3 * (uint64_t)source->n_entries + 2;
    if (max_rows > UINT32_MAX / 2)
        return -E2BIG;
    size_t blocks_bytes = ((size_t)builder.n_blocks + 1) * sizeof(uint32_t);
    size_t reserved = pages(blocks_bytes + (max_rows + 1) * sizeof(uint32_t) + sizeof rules->list);
    char *mapping = map(reserved);
    if (!mapping)
        return -ENOMEM;
    /* Half a byte a byte is what tables come to: pages all at once cost a fraction of one after the other. */
    madvise(mapping, pages(blocks_bytes + source_bytes / 2), MADV_POPULATE_WRITE);
    builder.blocks = (uint32_t *)(void *)mapping;
    builder.rows = (uint32_t *)(void *)(mapping + blocks_bytes);
    uint32_t functions = compile_functions(source, &builder);
    error = seal(&builder, mapping, reserved, ret);
    if (!error) {
        ret->functions = functions;
        ret->source_bytes = source_bytes;
    }
    return error;
}

static struct rules *rules_scratch; /* kept from one object to the next */

static struct rules *fresh_rules(void) {
    if (!rules_scratch && !(rules_scratch = map(sizeof *rules_scratch)))
        return NULL;
    struct rules *rules = rules_scratch;
    memset(rules->slots, 0, sizeof rules->slots);
    memset(rules->memo, 0, sizeof rules->memo);
    memset(rules->list, 0, UNWIND_RULES_FIXED * sizeof *rules->list);
    rules->list[UNWIND_RULE_NONE].kind = UNWIND_NONE;
    rules->list[UNWIND_RULE_UNKNOWN].kind = UNWIND_UNKNOWN;
    rules->list[UNWIND_RULE_END].kind = UNWIND_END;
    rules->count = UNWIND_RULES_FIXED;
    return rules;
}

int eh_frame_compile(const struct eh_frame_input *input, struct eh_frame_table *ret) {
    struct source source = {.commons.shift = input->shift};
    int error = open_source(input, &source);
    if (error)
        return error;
    struct rules *rules = fresh_rules();
    return rules ? build(&source, rules, ret) : -ENOMEM;
}

/* In this order: a fork may come in between, and its child must not take for memory what is none. */
void eh_frame_release_scratch(void) {
    struct rules *scratch = rules_scratch;
    __atomic_store_n(&rules_scratch, NULL, __ATOMIC_SEQ_CST);
    if (scratch)
        munmap(scratch, sizeof *scratch);
}

void eh_frame_table_done(struct eh_frame_table *table) {
    if (table && table->mapping)
        munmap(table->mapping, table->mapping_bytes);
}
