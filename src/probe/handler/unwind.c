#include "probe/handler/unwind.h"

#include "probe/handler/unwind_arch.h"
#include "probe/handler/unwind_cache.h"
#include "probe/handler/unwind_table.h"

const struct unwind_index *unwind_current;
uint64_t unwind_salt;
struct unwind_readers unwind_readers;
struct unwind_code_ranges unwind_code_ranges;
struct unwind_cached unwind_cache[UNWIND_CACHE_ENTRIES];

struct unwind_section unwind_enter(void) {
    struct unwind_section section = {__atomic_load_n(&unwind_readers.phase, __ATOMIC_RELAXED) & 1};
    __atomic_fetch_add(&unwind_readers.inside[section.slot], 1, __ATOMIC_SEQ_CST);
    return section;
}

void unwind_leave(struct unwind_section section) {
    __atomic_fetch_sub(&unwind_readers.inside[section.slot & 1], 1, __ATOMIC_RELEASE);
}

void unwind_reset_after_fork(void) {
    __atomic_store_n(&unwind_readers.inside[0], 0, __ATOMIC_RELAXED);
    __atomic_store_n(&unwind_readers.inside[1], 0, __ATOMIC_RELAXED);
    if (unwind_code_ranges.seq & 1) { /* half written */
        unwind_code_ranges.n = 0;
        unwind_code_ranges.seq++;
    }
}

/* What holds for a whole walk. */
struct walk {
    const struct unwind_index *index;
    uint64_t salt;                    /* its */
    struct unwind_section section;    /* entered for it */
    const struct unwind_object *last; /* callers are mostly in the object of their callee */
    struct words words;
    struct unwind_memory memory; /* that they are of */
    const long long *general;    /* of the innermost frame; NULL after it */
    uint64_t chain_end; /* frame pointers of code without rules were followed, and believed, up to this address */
};

#define REACH_BYTES_MAX (1u << 20) /* between the known end of an open stack and a word of the next frame */
#define CHAIN_FRAMES_MAX 128u
#define GUESS_BYTES_MAX 1024u /* frames of code without a rule that a guess is made for */

static const struct unwind_rule no_rule = {.kind = UNWIND_NONE};
static const struct unwind_object no_object;

static bool use_memory(struct walk *walk, struct unwind_memory memory) {
    if (!words_of(memory, &walk->words))
        return false;
    walk->memory = memory;
    return true;
}

static bool ask_for(struct walk *walk, uint64_t address, struct unwind_memory memory) {
    return !(address % UNWIND_WORD) && memory.more && memory.more(address, &memory) && use_memory(walk, memory) &&
           readable(&walk->words, address);
}

/* Whether the word can be read. An open stack is followed upwards, a bounded distance at a time. */
static bool reach(struct walk *walk, uint64_t address) {
    if (readable(&walk->words, address))
        return true;
    uint64_t high = walk->memory.high & ~(uint64_t)(UNWIND_WORD - 1);
    return walk->memory.open && address - high < REACH_BYTES_MAX && ask_for(walk, address, walk->memory);
}

static bool load(struct walk *walk, uint64_t address, uint64_t *ret) {
    if (!reach(walk, address))
        return false;
    *ret = word_at(&walk->words, address);
    return true;
}

static const struct unwind_object *find_object(const struct unwind_index *index, uint64_t pc) {
    const struct unwind_object *first = index->objects;
    for (uint32_t left = index->count; left > 1;) {
        uint32_t half = left / 2;
        first += first[half].start <= pc ? half : 0;
        left -= half;
    }
    return index->count && pc - first->start < first->bytes ? first : NULL;
}

static inline const struct unwind_rule *rule_at(struct walk *walk, uint64_t pc) {
    if (__builtin_expect(pc - walk->last->start >= walk->last->bytes, 0)) {
        const struct unwind_object *object = find_object(walk->index, pc);
        if (!object)
            return &no_rule;
        walk->last = object;
    }
    return unwind_object_rule(walk->last, pc);
}

/* The address to look a frame up by: the byte after a call may belong to the next function already. */
static inline uint64_t lookup_pc(const struct frame *frame) {
    return frame->pc - frame->pc_is_return;
}

static inline const struct unwind_rule *rule_of(struct walk *walk, const struct frame *frame) {
    return rule_at(walk, lookup_pc(frame));
}

static bool base_value(const struct walk *walk, const struct frame *frame, uint8_t base, uint64_t cfa, uint64_t *ret) {
    if (base == UNWIND_BASE_SP)
        *ret = frame->sp;
    else if (base == UNWIND_BASE_CFA)
        *ret = cfa;
    else if (base == UNWIND_BASE_FP && !frame->fp_unknown)
        *ret = frame->fp;
    else if (base >= UNWIND_BASE_REGISTER && walk->general)
        *ret = (uint64_t)walk->general[base - UNWIND_BASE_REGISTER];
    else
        return false;
    return true;
}

static bool canonical_frame_address(struct walk *walk, const struct unwind_rule *rule, const struct frame *frame,
                                    uint64_t *ret) {
    if (rule->kind == UNWIND_PLT) {
        bool pushed = frame->pc % UNWIND_CODE_ALIGN >= (uint64_t)rule->cfa_add;
        *ret = frame->sp + (uint64_t)rule->cfa_offset + (pushed ? UNWIND_WORD : 0);
        return true;
    }
    uint64_t base;
    if (!base_value(walk, frame, rule->cfa_base, 0, &base))
        return false;
    base += (uint64_t)(int64_t)rule->cfa_offset;
    if (!rule->cfa_deref) {
        *ret = base;
        return true;
    }
    if (!load(walk, base, &base))
        return false;
    *ret = base + (uint64_t)(int64_t)rule->cfa_add;
    return true;
}

/* The caller's frame pointer from memory; caller->sp is the CFA. Of functions with a realigned stack compilers forget to
 * say in epilogues that the register is restored: a frame's own is below its CFA, the caller's is not. */
static bool saved_frame_pointer(struct walk *walk, const struct unwind_rule *rule, const struct frame *frame,
                                struct frame *caller) {
    uint64_t base;
    if (!base_value(walk, frame, rule->fp_base, caller->sp, &base))
        return false;
    uint64_t slot = base + (uint64_t)(int64_t)rule->fp_offset;
    if (rule->fp_base == UNWIND_BASE_FP && (slot >= caller->sp || !reach(walk, slot)))
        return true;
    caller->fp_unknown = false;
    return load(walk, slot, &caller->fp);
}

/* Where an interrupted frame returns to that has it in the link register. No call left that there if the code that it leads
 * to has its own return address there. */
static bool linked_address(struct walk *walk, const struct frame *frame, uint64_t *ret) {
    uint64_t target = unwind_return_target(frame->link);
    if (frame->pc_is_return || !target || rule_at(walk, target - 1)->return_base == UNWIND_BASE_SAME)
        return false;
    *ret = target;
    return true;
}

/* Where the frame returns to; its CFA is `cfa`. */
static bool return_address(struct walk *walk, const struct unwind_rule *rule, const struct frame *frame, uint64_t cfa,
                           uint64_t *ret) {
    if (UNWIND_LINK_REGISTER && rule->return_base == UNWIND_BASE_SAME)
        return linked_address(walk, frame, ret);
    uint64_t base, address;
    if (!base_value(walk, frame, rule->return_base, cfa, &base) ||
        !load(walk, base + (uint64_t)(int64_t)rule->return_offset, &address))
        return false;
    *ret = unwind_return_target(address);
    return true;
}

/* Stacks grow downwards, so a caller's frame is above, unless a signal switched stacks. Only a function with its return
 * address in a register may have none of its own. */
static bool is_above(const struct unwind_rule *rule, const struct frame *frame, uint64_t cfa) {
    if (UNWIND_LINK_REGISTER && rule->return_base == UNWIND_BASE_SAME)
        return cfa >= frame->sp;
    return cfa > frame->sp || rule->signal;
}

/* The caller's frame by any rule. */
static enum step apply(struct walk *walk, const struct unwind_rule *rule, const struct frame *frame,
                       struct frame *ret) {
    if (rule->kind == UNWIND_END)
        return STEP_ROOT;
    uint64_t cfa;
    if (rule->kind > UNWIND_PLT || !canonical_frame_address(walk, rule, frame, &cfa) || !is_above(rule, frame, cfa))
        return STEP_LOST;
    struct frame caller = {.sp = cfa, .fp = frame->fp, .fp_unknown = frame->fp_unknown, .pc_is_return = !rule->signal};
    if (!return_address(walk, rule, frame, cfa, &caller.pc))
        return STEP_LOST;
    if (UNWIND_LINK_REGISTER && rule->signal && !load(walk, frame->sp + UNWIND_SIGNAL_LINK_FROM_SP, &caller.link))
        return STEP_LOST;
    if (rule->fp_base == UNWIND_BASE_LOST)
        caller.fp_unknown = true;
    else if (rule->fp_base != UNWIND_BASE_SAME && !saved_frame_pointer(walk, rule, frame, &caller))
        return STEP_LOST;
    if (!caller.pc)
        return STEP_ROOT;
    *ret = caller;
    return STEP_CALLER;
}

/* What a signal interrupted may be on another stack than its handler. When that can't be read the walk ends there, since
 * no word of it is found in this one. */
static void switch_stack(struct walk *walk, const struct frame *interrupted) {
    uint64_t top = interrupted->sp & ~(uint64_t)(UNWIND_WORD - 1);
    if (!readable(&walk->words, top))
        ask_for(walk, top, (struct unwind_memory){.more = walk->memory.more});
}

static bool aligned_for_call(uint64_t sp) {
    return sp % UNWIND_STACK_ALIGN == 0;
}

/* The rule of the code that a return address leads to; NULL unless it is the same before and after it: else it is a
 * function's start, a function pointer. */
static const struct unwind_rule *rule_around(struct walk *walk, const struct frame *caller) {
    const struct unwind_rule *rule = rule_at(walk, caller->pc);
    return rule->kind < UNWIND_UNKNOWN && rule == rule_of(walk, caller) ? rule : NULL;
}

/* Whether a caller that no rule vouches for is one: its code is described, the stack pointer is aligned as the ABI wants it
 * at a call, and its own caller is described too. A stale or made-up word hardly ever passes them all. */
static bool plausible(struct walk *walk, const struct frame *caller) {
    const struct unwind_rule *rule = aligned_for_call(caller->sp) ? rule_around(walk, caller) : NULL;
    if (!rule)
        return false;
    struct frame next;
    enum step step = apply(walk, rule, caller, &next);
    if (step != STEP_CALLER)
        return step == STEP_ROOT;
    return (rule->signal || aligned_for_call(next.sp)) && rule_of(walk, &next)->kind != UNWIND_NONE;
}

/* Set the stack pointer of a frame by its frame pointer, which points to its pair of saved frame pointer and return
 * address: where that is in the frame its rule says. False when it does not. */
static bool set_sp_by_pair(struct walk *walk, struct frame *frame) {
    const struct unwind_rule *rule = rule_of(walk, frame);
    if (rule->kind != UNWIND_SP || !rule->fp_offset)
        return false;
    frame->sp = frame->fp - (uint64_t)(int64_t)rule->fp_offset - (uint64_t)(int64_t)rule->cfa_offset;
    return true;
}

/* The caller by the pair at fp. Where calls push nothing frames go on above their pairs, and the caller's stack pointer
 * follows from its own pair; a rule that does not need it is content with a bound. */
static bool load_pair(struct walk *walk, uint64_t fp, struct frame *ret) {
    struct frame caller = {.sp = fp + UNWIND_CFA_FROM_FP, .pc_is_return = true};
    uint64_t address;
    if (!load(walk, fp + UNWIND_SAVED_FP_FROM_FP, &caller.fp) || !load(walk, fp + UNWIND_RETURN_FROM_FP, &address))
        return false;
    caller.pc = unwind_return_target(address);
    if (UNWIND_LINK_REGISTER) {
        uint8_t kind = rule_of(walk, &caller)->kind;
        if (!set_sp_by_pair(walk, &caller) && (kind == UNWIND_SP || kind == UNWIND_GENERAL))
            return false;
        if (caller.sp < fp + UNWIND_CFA_FROM_FP)
            return false;
    }
    *ret = caller;
    return true;
}

/* The caller if `fp` points to such a pair. */
static bool caller_by_pair(struct walk *walk, const struct frame *frame, uint64_t fp, struct frame *ret) {
    struct frame caller;
    if (fp < frame->sp || !load_pair(walk, fp, &caller) || !plausible(walk, &caller))
        return false;
    *ret = caller;
    return true;
}

static bool in_code_ranges(uint64_t pc) {
    const struct unwind_code_ranges *code = &unwind_code_ranges;
    uint32_t seq = __atomic_load_n(&code->seq, __ATOMIC_ACQUIRE);
    uint32_t low = 0, n = __atomic_load_n(&code->n, __ATOMIC_RELAXED), high = n;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (__atomic_load_n(&code->ranges[middle].limit, __ATOMIC_RELAXED) <= pc)
            low = middle + 1;
        else
            high = middle;
    }
    bool inside = low < n && __atomic_load_n(&code->ranges[low].start, __ATOMIC_RELAXED) <= pc;
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    return inside && !(seq & 1) && __atomic_load_n(&code->seq, __ATOMIC_RELAXED) == seq;
}

/* Code without a rule, of an object or of none (a JIT's). */
static bool is_bare_code(struct walk *walk, uint64_t pc) {
    const struct unwind_rule *rule = rule_at(walk, pc);
    return rule->kind == UNWIND_NONE && (rule != &no_rule || in_code_ranges(pc));
}

/* Whether a word on the stack may be the return address of code without a rule; `caller` as it would be then. Where calls
 * push nothing the stack pointer tells nothing. */
static bool may_be_return_address(struct walk *walk, const struct frame *caller) {
    return is_bare_code(walk, lookup_pc(caller)) ||
           (UNWIND_LINK_REGISTER ? rule_around(walk, caller) != NULL : plausible(walk, caller));
}

/* Whether something below the pair at fp may be a return address as well: code without a rule that leaves the frame
 * pointer to its callers has its own there, and to believe the pair would skip a frame. */
static bool nearer_return_address(struct walk *walk, const struct frame *frame, uint64_t fp) {
    if (fp - frame->sp > GUESS_BYTES_MAX)
        return true;
    for (uint64_t slot = frame->sp; slot < fp; slot += UNWIND_WORD) {
        struct frame caller = {.sp = slot + UNWIND_WORD, .fp = frame->fp, .pc_is_return = true};
        uint64_t word;
        if (!load(walk, slot, &word))
            return true;
        caller.pc = unwind_return_target(word);
        if (may_be_return_address(walk, &caller))
            return true;
    }
    return false;
}

/* Code without rules calls code without rules: frame pointers lead on from pair to pair, but one of them proves nothing.
 * All are believed when each is above the one before, with nothing in between that may be a return address, when all
 * return addresses are in code, and when the last one is in a function that has a rule and is plausible itself. */
static bool follow_chain(struct walk *walk, const struct frame *first) {
    struct frame frame = *first;
    for (unsigned i = 0; i < CHAIN_FRAMES_MAX; i++) {
        struct frame caller;
        if (frame.fp < frame.sp || nearer_return_address(walk, &frame, frame.fp) || !load_pair(walk, frame.fp, &caller))
            return false;
        walk->chain_end = caller.sp;
        if (plausible(walk, &caller))
            return true;
        if (!is_bare_code(walk, lookup_pc(&caller)))
            return false;
        frame = caller;
    }
    return true; /* so many pairs are no accident */
}

static bool caller_by_chain(struct walk *walk, const struct frame *frame, struct frame *ret) {
    if (frame->sp >= walk->chain_end && !follow_chain(walk, frame)) {
        walk->chain_end = 0;
        return false;
    }
    return load_pair(walk, frame->fp, ret);
}

/* Whether the pair at fp is the interrupted frame's own, not its caller's: both hold the return address. */
static bool is_own_pair(struct walk *walk, const struct frame *frame) {
    uint64_t address;
    return frame->fp >= frame->sp && load(walk, frame->fp + UNWIND_RETURN_FROM_FP, &address) &&
           unwind_return_target(address) == unwind_return_target(frame->link);
}

/* Whether what was pushed last is the link register, as functions begin. */
static bool has_pushed_link(struct walk *walk, const struct frame *frame) {
    uint64_t first, second;
    return load(walk, frame->sp, &first) && load(walk, frame->sp + UNWIND_WORD, &second) &&
           (first == frame->link || second == frame->link);
}

/* The caller of interrupted code without a rule that has no pair, by the link register: what that code left there by a
 * call of its own would lead into it, which has no rule. It has pushed nothing, or else the caller's own pair tells its
 * stack pointer. */
static bool caller_by_link(struct walk *walk, const struct frame *frame, struct frame *ret) {
    struct frame caller = {
        .pc = unwind_return_target(frame->link), .sp = frame->sp, .fp = frame->fp, .pc_is_return = true};
    struct frame above = caller;
    bool is_at_sp = !has_pushed_link(walk, frame) && plausible(walk, &caller);
    bool is_above = set_sp_by_pair(walk, &above) && above.sp > caller.sp && plausible(walk, &above);
    if (is_at_sp == is_above)
        return false;
    *ret = is_at_sp ? caller : above;
    return true;
}

/* The caller of interrupted code without a rule that has pushed nothing: the return address is on top of the stack. */
static bool caller_by_top(struct walk *walk, const struct frame *frame, struct frame *ret) {
    struct frame caller = {
        .sp = frame->sp + UNWIND_WORD, .fp = frame->fp, .fp_unknown = frame->fp_unknown, .pc_is_return = true};
    if (!load(walk, frame->sp, &caller.pc) || !plausible(walk, &caller))
        return false;
    *ret = caller;
    return true;
}

/* The caller of code without a rule. */
static bool caller_by_guess(struct walk *walk, const struct frame *frame, struct frame *ret) {
    bool interrupted = !frame->pc_is_return;
    if (interrupted && !UNWIND_LINK_REGISTER && caller_by_top(walk, frame, ret))
        return true;
    if (frame->fp_unknown)
        return false;
    if (interrupted && UNWIND_LINK_REGISTER) {
        if (!is_own_pair(walk, frame))
            return caller_by_link(walk, frame, ret);
        if (caller_by_pair(walk, frame, frame->fp, ret))
            return true;
    }
    return caller_by_chain(walk, frame, ret);
}

/* The caller of a function whose frame hangs on a frame pointer that we don't know, by the distance that its prologue
 * was seen to put between the two; checked as any guess. */
static bool caller_by_hint(struct walk *walk, const struct unwind_rule *rule, const struct frame *frame,
                           struct frame *ret) {
    if (rule->kind != UNWIND_FP || !frame->fp_unknown || !frame->pc_is_return || !rule->fp_from_sp)
        return false;
    return caller_by_pair(walk, frame, frame->sp + (rule->fp_from_sp - 1u) * UNWIND_WORD, ret);
}

/* Where signal frames have no description they are known by what is in them. */
static bool is_signal_frame(struct walk *walk, const struct unwind_rule *rule, const struct frame *frame) {
    uint64_t mark;
    return UNWIND_SIGNAL_MARK && rule->kind == UNWIND_NONE &&
           load(walk, frame->sp + UNWIND_SIGNAL_MARK_FROM_SP, &mark) && mark == UNWIND_SIGNAL_MARK;
}

static enum step slow_step(struct walk *walk, const struct unwind_rule *rule, struct frame *frame) {
    struct frame caller;
    if (is_signal_frame(walk, rule, frame))
        rule = &unwind_signal_rule;
    enum step step = apply(walk, rule, frame, &caller);
    if (step == STEP_ROOT)
        return step;
    if (step == STEP_LOST && !(rule->kind == UNWIND_NONE ? caller_by_guess(walk, frame, &caller)
                                                         : caller_by_hint(walk, rule, frame, &caller)))
        return STEP_LOST;
    *frame = caller;
    if (rule->signal)
        switch_stack(walk, frame);
    return STEP_CALLER;
}

/* One frame up by the tables. */
static enum step step_up(struct walk *walk, struct frame *frame) {
    uint64_t pc = lookup_pc(frame), data;
    const struct unwind_rule *rule = rule_at(walk, pc);
    if (frame->fp_unknown || !cache_rule(walk->salt, rule, pc, &data) || rule->kind == UNWIND_END ||
        !simple_step(&walk->words, data, &frame->pc, &frame->sp, &frame->fp))
        return slow_step(walk, rule, frame);
    frame->pc_is_return = true;
    return frame->pc ? STEP_CALLER : STEP_ROOT;
}

#define CACHE_LINE_BYTES 64u
#define PREFETCH_BYTES 1024u

/* The stack of a thread that slept is cold; its lines are needed one after the other. */
static inline void prefetch_stack(const struct words *words, uint64_t sp) {
    for (uint64_t ahead = 0; ahead < PREFETCH_BYTES; ahead += CACHE_LINE_BYTES)
        __builtin_prefetch(words->bytes + (sp - words->low) + ahead);
}

/* False when no tables are in force (any more). */
static bool take_tables(struct walk *walk) {
    walk->section = unwind_enter();
    walk->index = __atomic_load_n(&unwind_current, __ATOMIC_SEQ_CST);
    if (!walk->index) {
        unwind_leave(walk->section);
        return false;
    }
    walk->salt = walk->index->salt;
    return true;
}

/* The rest of a walk, from the first frame on that is not remembered; n frames are in pcs, `frame` is the last of them. */
static __attribute__((noinline)) unsigned walk_by_tables(const struct unwind_memory *memory, const long long *general,
                                                         struct frame *frame, uint64_t *pcs, unsigned n, unsigned max,
                                                         bool *complete) {
    struct walk walk = {.last = &no_object, .general = general};
    if (!use_memory(&walk, *memory) || !take_tables(&walk))
        return n;
    enum step step;
    /* At the depth limit too: the last frame may be the root. */
    while ((step = step_up(&walk, frame)) == STEP_CALLER && n < max) {
        walk.general = NULL;
        pcs[n++] = lookup_pc(frame);
        if (!frame->fp_unknown && cached_steps(walk.words, walk.salt, frame, pcs, &n, max) == STEP_ROOT) {
            step = STEP_ROOT;
            break;
        }
    }
    unwind_leave(walk.section);
    *complete = step == STEP_ROOT;
    return n;
}

unsigned unwind_walk(const struct unwind_registers *registers, const struct unwind_memory *memory, uint64_t *pcs,
                     unsigned max, bool *complete) {
    struct frame frame = {.pc = registers->pc,
                          .sp = registers->sp,
                          .fp = registers->fp,
                          .link = registers->general ? unwind_link(registers->general) : 0,
                          .pc_is_return = registers->pc_is_return,
                          .fp_unknown = registers->fp_unknown};
    struct words words;
    unsigned n = 1;
    *complete = false;
    pcs[0] = lookup_pc(&frame);
    uint64_t salt = __atomic_load_n(&unwind_salt, __ATOMIC_SEQ_CST);
    if (!salt || !words_of(*memory, &words)) /* no tables, or nothing to read */
        return n;
    if (readable(&words, frame.sp & ~(uint64_t)(UNWIND_WORD - 1)))
        prefetch_stack(&words, frame.sp);
    if (!frame.fp_unknown && cached_steps(words, salt, &frame, pcs, &n, max) == STEP_ROOT) {
        *complete = true;
        return n;
    }
    return walk_by_tables(memory, n == 1 ? registers->general : NULL, &frame, pcs, n, max, complete);
}
