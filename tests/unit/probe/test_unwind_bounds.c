/* Walks over broken stacks: a copy of a real one lies between two guard pages, and its words are overwritten at random.
 * Whatever they say, nothing outside of the copy is read. */
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "probe/control/modules.h"
#include "unwind_test.h"

#define PAGE 4096u
#define COPY_BYTES (4 * PAGE)
#define ROUNDS 20000

struct copy {
    ucontext_t context;
    uint64_t low, high; /* of the real one */
    uint64_t real_high;
    char *guarded; /* COPY_BYTES, inaccessible pages on both sides */
    char kept[COPY_BYTES];
};

static uint64_t seed = 88172645463325252ull;
static uint64_t random_word(void) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

__attribute__((noinline)) static int deep(int depth, struct copy *copy) {
    volatile char room[32];
    room[0] = 1;
    if (depth)
        return deep(depth - 1, copy) + room[0];
    getcontext(&copy->context);
    copy->low = (unwind_registers_of(&copy->context).sp - UNWIND_RED_ZONE_BYTES) & ~7ull;
    copy->high = copy->low + COPY_BYTES < copy->real_high ? copy->low + COPY_BYTES : copy->real_high;
    memcpy(copy->kept, (const void *)(uintptr_t)copy->low, copy->high - copy->low);
    return 0;
}

static struct copy copy;

static int setup(void **state) {
    (void)state;
    char *memory = mmap(NULL, COPY_BYTES + 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    copy.guarded = memory + PAGE;
    copy.real_high = stack_high();
    if (memory == MAP_FAILED || mprotect(copy.guarded, COPY_BYTES, PROT_READ | PROT_WRITE) || modules_refresh(NULL))
        return -1;
    deep(20, &copy);
    return 0;
}

/* The copy's end is that of its mapping. */
static struct unwind_memory place_copy(void) {
    size_t bytes = copy.high - copy.low;
    char *at = copy.guarded + COPY_BYTES - bytes;
    memcpy(at, copy.kept, bytes);
    return (struct unwind_memory){copy.low, copy.high, at};
}

static struct unwind_registers registers(void) {
    return unwind_registers_of(&copy.context);
}

static unsigned walk(struct unwind_registers start, struct unwind_memory memory, uint64_t *pcs, unsigned max,
                     bool *complete) {
    unsigned n = unwind_walk(&start, &memory, pcs, max, complete);
    assert_in_range(n, 1, max);
    return n;
}

static void a_copy_is_walked_like_the_stack_itself(void **state) {
    (void)state;
    uint64_t pcs[128];
    bool complete;
    unsigned n = walk(registers(), place_copy(), pcs, 128, &complete);
    assert_true(complete);
    assert_true(n > 22);
}

static void a_walk_stops_at_the_depth_asked_for(void **state) {
    (void)state;
    uint64_t pcs[16] = {0};
    bool complete;
    assert_int_equal(walk(registers(), place_copy(), pcs, 9, &complete), 9);
    assert_false(complete);
    assert_int_equal(pcs[9], 0);
}

static void a_copy_that_ends_early_is_a_truncated_stack(void **state) {
    (void)state;
    struct unwind_memory memory = place_copy();
    uint64_t whole[128], pcs[128];
    bool complete;
    unsigned n_whole = walk(registers(), memory, whole, 128, &complete), last = 0;
    for (uint64_t bytes = 0; bytes < copy.high - copy.low; bytes += 8) {
        char *at = copy.guarded + COPY_BYTES - bytes;
        memcpy(at, copy.kept, bytes);
        unsigned n = walk(registers(), (struct unwind_memory){copy.low, copy.low + bytes, at}, pcs, 128, &complete);
        assert_true(n >= last && n <= n_whole);
        assert_memory_equal(pcs, whole, n * sizeof *pcs);
        assert_true(!complete || n == n_whole);
        last = n;
    }
}

static void broken_words_never_lead_outside(void **state) {
    (void)state;
    uint64_t pcs[128];
    bool complete;
    for (int round = 0; round < ROUNDS; round++) {
        struct unwind_memory memory = place_copy();
        struct unwind_registers start = registers();
        uint64_t *words = (uint64_t *)(uintptr_t)memory.bytes, n_words = (memory.high - memory.low) / 8;
        for (uint64_t i = random_word() % 64; i; i--) {
            uint64_t kind = random_word() % 4, *word = &words[random_word() % n_words];
            *word = kind == 0   ? random_word()                                        /* anything */
                    : kind == 1 ? memory.low + random_word() % (n_words * 8 + 64) - 32 /* about the stack */
                    : kind == 2 ? words[random_word() % n_words]                       /* another one's */
                                : *word + (random_word() % 64) - 32;                   /* nearly right */
        }
        if (round % 3 == 0)
            start.fp = memory.low + random_word() % (n_words * 8 + 64) - 32;
        if (round % 5 == 0)
            start.sp = memory.low + random_word() % (n_words * 8 + 64) - 32;
        if (round % 7 == 0)
            start.pc = words[random_word() % n_words];
        start.pc_is_return = round % 2;
        start.fp_unknown = round % 11 == 0;
        walk(start, memory, pcs, 128, &complete);
    }
}

static void empty_and_odd_bounds_give_the_leaf(void **state) {
    (void)state;
    uint64_t pcs[4];
    bool complete;
    static const uint64_t bounds[][2] = {
        {0, 0}, {8, 0}, {1, 8}, {UINT64_MAX, UINT64_MAX}, {UINT64_MAX - 6, UINT64_MAX}, {0x1001, 0x1007}};
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
        struct unwind_memory memory = {bounds[i][0], bounds[i][1], copy.guarded};
        assert_int_equal(walk(registers(), memory, pcs, 4, &complete), 1);
        assert_false(complete);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_copy_is_walked_like_the_stack_itself),
        cmocka_unit_test(a_walk_stops_at_the_depth_asked_for),
        cmocka_unit_test(a_copy_that_ends_early_is_a_truncated_stack),
        cmocka_unit_test(broken_words_never_lead_outside),
        cmocka_unit_test(empty_and_odd_bounds_give_the_leaf),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
