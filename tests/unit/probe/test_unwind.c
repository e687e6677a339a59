/* Walks compared with the truth at every instruction: the program is single-stepped through frames of all kinds, prologues,
 * epilogues and PLT stubs included (step.h). Built several times, with and without frame pointers and optimisation. */
#include <alloca.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bare.h"
#include "probe/control/modules.h"
#include "probe/handler/unwind_table.h"
#include "step.h"
#include "unwind_test.h"

#define FRAMES_MAX (STEP_CALLS_MAX + 1)
#ifndef BARE_SAME_PERCENT
#define BARE_SAME_PERCENT 60u /* of stops in code without description are not truncated */
#endif
#define KEPT 8u /* mismatches that are shown */

static uint64_t high;
static struct {
    size_t stops, same, shorter, wrong, incomplete;
    size_t blind_complete, blind_wrong; /* of walks without the frame pointer */
    uint64_t bad[KEPT][4];              /* pc of the stop, frame, ours, truth */
} seen;

static void compare(const ucontext_t *context) {
    uint64_t ours[FRAMES_MAX], truth[FRAMES_MAX], blind[FRAMES_MAX];
    bool complete, blind_complete;
    unsigned n = walk_context(context, high, ours, FRAMES_MAX, &complete), n_truth = step_truth(truth), i = 0;
    unsigned n_blind = walk_context_as(context, true, high, blind, FRAMES_MAX, &blind_complete);
    seen.blind_complete += blind_complete;
    seen.blind_wrong += n_blind > n_truth || memcmp(blind, truth, n_blind * sizeof *blind) != 0 ||
                        (blind_complete && n_blind != n_truth);
    while (i < n && i < n_truth && ours[i] == truth[i])
        i++;
    seen.stops++;
    seen.incomplete += !complete;
    if (i == n && i == n_truth) {
        seen.same++;
        return;
    }
    size_t kept = seen.wrong + seen.shorter;
    seen.shorter += i == n;
    seen.wrong += i != n;
    if (kept < KEPT)
        memcpy(seen.bad[kept], (uint64_t[]){ours[0], i, i < n ? ours[i] : 0, i < n_truth ? truth[i] : 0},
               sizeof seen.bad[0]);
}

#define NOINLINE __attribute__((noinline))
static volatile int sink;

NOINLINE static int leaf(int x) {
    return x * 3 + sink;
}

NOINLINE static int recurse(int depth) {
    volatile char room[40];
    room[0] = (char)depth;
    return depth ? recurse(depth - 1) + room[0] : leaf(depth);
}

NOINLINE static int with_alloca(int n) {
    char *room = alloca((size_t)n * 16);
    memset(room, n, (size_t)n * 16);
    sink += room[n];
    return n ? with_alloca(n - 1) + room[0] : leaf(n);
}

NOINLINE static int over_aligned(int n) { /* the frame is found through a saved pointer (DRAP) */
    _Alignas(64) volatile char room[128];
    char *more = alloca((size_t)n + 8);
    memset(more, n, (size_t)n + 8);
    room[n] = more[0];
    return n ? over_aligned(n - 1) + room[n] : leaf(n);
}

NOINLINE static int many_arguments(int a, int b, int c, int d, int e, int f, int g, int h, int i) {
    return leaf(a + b) + leaf(c + d + e) + leaf(f + g + h) + leaf(i);
}

static int ascending(const void *a, const void *b) {
    return leaf(*(const int *)a) - leaf(*(const int *)b);
}

NOINLINE static int through_libc(void) {
    int numbers[] = {5, 3, 9, 1};
    char text[64];
    qsort(numbers, 4, sizeof *numbers, ascending);
    snprintf(text, sizeof text, "%d %s %.3f", numbers[0], "word", 1.5);
    return text[0] + numbers[3];
}

NOINLINE static int big_frame(int n) {
    volatile char room[600000];
    room[n] = 1;
    return leaf(room[n]);
}

NOINLINE static int without_description(int n) {
    volatile int sum = bare_leaf(n) + bare_pushes(n);
    sum += bare_frame(leaf, n) + bare_frame(bare_leaf, n);
    return sum + (n ? without_description(n - 1) : 0);
}

static struct {
    char *code;
    generated *frame, *frameless, *leaf, *pushes;
} jit;

static generated *in_jit(const char *code) {
    return (generated *)(uintptr_t)(jit.code + (code - jit_frame));
}

static void generate(void) {
    jit.code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memcpy(jit.code, jit_frame, (size_t)(jit_end - jit_frame));
    __builtin___clear_cache(jit.code, jit.code + 4096);
    jit.frame = in_jit(jit_frame);
    jit.frameless = in_jit(jit_frameless);
    jit.leaf = in_jit(jit_leaf);
    jit.pushes = in_jit(jit_pushes);
    unwind_code_ranges.ranges[0] =
        (struct unwind_code_range){(uint64_t)(uintptr_t)jit.code, (uint64_t)(uintptr_t)jit.code + 4096};
    unwind_code_ranges.n = 1;
}

static int end_of_chain(void *const *next, int x) {
    (void)next;
    return recurse(x);
}

NOINLINE static void run_generated(void) {
    void *frame = (void *)(uintptr_t)jit.frame, *frameless = (void *)(uintptr_t)jit.frameless,
         *leaf_code = (void *)(uintptr_t)jit.leaf, *pushes = (void *)(uintptr_t)jit.pushes,
         *function = (void *)(uintptr_t)end_of_chain;
    void *const chains[][4] = {{frame, frame, function},     {frame, leaf_code},  {frame, frame, pushes},
                               {frameless, frame, function}, {leaf_code},         {frame, frameless, frame, leaf_code},
                               {frameless, leaf_code},       {frameless, pushes}, {pushes}};
    for (size_t i = 0; i < sizeof chains / sizeof *chains; i++)
        sink += jit.frame(chains[i], 3) + jit.frameless(chains[i], 2);
}

static void work(void) {
    sink += recurse(12);
    sink += with_alloca(4);
    sink += over_aligned(4);
    sink += many_arguments(1, 2, 3, 4, 5, 6, 7, 8, 9);
    sink += through_libc();
    sink += big_frame(5);
}

static void on_user_signal(int signal) {
    (void)signal;
    step_start();
    sink += recurse(3) + with_alloca(2);
    step_stop();
}

static int *unreadable; /* a page, until the handler makes it readable */

static void on_fault(int signal) {
    on_user_signal(signal);
    mprotect(unreadable, 4096, PROT_READ);
}

NOINLINE static int faulting_leaf(const int *at) {
    return *at + sink;
}

static int setup(void **state) {
    (void)state;
    if (step_init(compare) || modules_refresh(NULL))
        return -1;
    high = stack_high();
    memset(&seen, 0, sizeof seen);
    return 0;
}

static void show(void) {
    for (size_t i = 0; i < KEPT && i < seen.wrong + seen.shorter; i++)
        print_message("at %lx frame %lu: ours %lx truth %lx\n", seen.bad[i][0], seen.bad[i][1], seen.bad[i][2],
                      seen.bad[i][3]);
    print_message("%zu stops, %zu same, %zu shorter, %zu wrong, %zu incomplete; blind: %zu complete, %zu wrong\n",
                  seen.stops, seen.same, seen.shorter, seen.wrong, seen.incomplete, seen.blind_complete,
                  seen.blind_wrong);
}

/* Not a wrong frame, not a missing one, and the root always reached. */
static void expect_same(size_t stops_min) {
    show();
    assert_int_equal(seen.blind_wrong, 0);
    assert_int_equal(seen.wrong, 0);
    assert_int_equal(seen.shorter, 0);
    assert_int_equal(seen.incomplete, 0);
    assert_true(seen.stops >= stops_min);
}

static void walks_are_the_calls_that_have_not_returned_at_every_instruction(void **state) {
    (void)state;
    work(); /* lazy binding is over after this: the loader's stub for it finds its frame by rbx, which nobody follows */
    step_start();
    work();
    step_stop();
    expect_same(1000);
}

static void walks_go_through_signal_frames(void **state) {
    (void)state;
    signal(SIGUSR1, on_user_signal);
    sink += (int)raise(SIGUSR1);
    expect_same(100);
}

static void walks_go_through_a_leaf_that_was_interrupted(void **state) {
    (void)state;
    unreadable = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    signal(SIGSEGV, on_fault);
    sink += faulting_leaf(unreadable);
    signal(SIGSEGV, SIG_DFL);
    munmap(unreadable, 4096);
    expect_same(100);
}

/* What can't be known may be missing, never wrong. */
static void code_without_description_is_guessed_with_care(void **state) {
    (void)state;
    step_start();
    sink += without_description(3);
    step_stop();
    show();
    assert_int_equal(seen.wrong, 0);
    assert_int_equal(seen.blind_wrong, 0);
    assert_int_equal(seen.shorter, seen.incomplete);
    assert_true(seen.same * 100 > seen.stops * BARE_SAME_PERCENT);
}

static void generated_code_is_followed_with_care(void **state) {
    (void)state;
    generate();
    step_start();
    run_generated();
    step_stop();
    show();
    unwind_code_ranges.n = 0;
    munmap(jit.code, 4096);
    assert_int_equal(seen.wrong, 0);
    assert_int_equal(seen.blind_wrong, 0);
    assert_int_equal(seen.shorter, seen.incomplete);
    assert_true(seen.same > seen.stops / 3); /* more than half of the stops are in prologues and frameless leaves */
}

static void *thread(void *data) {
    (void)data;
    high = stack_high();
    step_start();
    work();
    step_stop();
    return NULL;
}

static void walks_of_a_thread_end_at_its_start(void **state) {
    (void)state;
    pthread_t id;
    assert_int_equal(pthread_create(&id, NULL, thread, NULL), 0);
    pthread_join(id, NULL);
    expect_same(1000);
}

static void clean_up(const int *depth) {
    step_start();
    sink += recurse(*depth) + with_alloca(*depth);
    step_stop();
}

static volatile int is_being_left = 1; /* as far as the compiler knows it may change */

NOINLINE static int left_by_unwinding(int depth) {
    __attribute__((cleanup(clean_up))) int own = depth;
    if (depth)
        return left_by_unwinding(depth - 1) + own;
    if (is_being_left)
        pthread_exit(NULL);
    return own;
}

static void *unwound_thread(void *data) {
    high = stack_high();
    sink += left_by_unwinding(3);
    return data;
}

/* As a destructor does that an exception runs. */
static void walks_of_a_thread_that_is_being_unwound_end_at_its_start(void **state) {
    (void)state;
    pthread_t id;
    assert_int_equal(pthread_create(&id, NULL, unwound_thread, NULL), 0);
    pthread_join(id, NULL);
    expect_same(300);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(walks_are_the_calls_that_have_not_returned_at_every_instruction, setup),
        cmocka_unit_test_setup(code_without_description_is_guessed_with_care, setup),
        cmocka_unit_test_setup(generated_code_is_followed_with_care, setup),
        cmocka_unit_test_setup(walks_go_through_signal_frames, setup),
        cmocka_unit_test_setup(walks_go_through_a_leaf_that_was_interrupted, setup),
        cmocka_unit_test_setup(walks_of_a_thread_end_at_its_start, setup),
        cmocka_unit_test_setup(walks_of_a_thread_that_is_being_unwound_end_at_its_start, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
