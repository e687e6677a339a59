/* Walks compared with the truth at every instruction: the program is single-stepped by the trap flag through frames of all
 * kinds, prologues, epilogues and PLT stubs included, and the test keeps a list of the calls that have not returned, by
 * watching the stack pointer. Only what was there before the first step comes from libunwind, which, a walker itself, is
 * wrong in some epilogues. Built several times, with and without frame pointers and optimisation. */
#define UNW_LOCAL_ONLY
#include <alloca.h>
#include <libunwind.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "probe/control/modules.h"
#include "probe/handler/unwind_table.h"
#include "unwind_test.h"

#define FRAMES_MAX 128
#define TRAP_FLAG 0x100
#define KEPT 8u /* mismatches that are shown */

static uint64_t high;
static volatile sig_atomic_t stepping;
static struct {
    size_t stops, same, shorter, wrong, incomplete;
    size_t blind_complete, blind_wrong; /* of walks without the frame pointer */
    uint64_t bad[KEPT][4];              /* pc of the stop, frame, ours, truth */
} seen;

/* Calls that have not returned, outermost first. */
static struct call {
    uint64_t slot; /* where the return address is */
    uint64_t pc;   /* to look up */
} calls[FRAMES_MAX];
static unsigned n_calls;
static uint64_t last_pc, last_sp; /* at the stop before */

/* Where handlers return to, which makes the frame below an interrupted one (libunwind's own test for it fails here). */
static uint64_t signal_return;
static void learn_signal_return(void) {
    struct {
        void *handler;
        unsigned long flags;
        void *restorer;
        uint64_t mask;
    } action = {0};
    syscall(SYS_rt_sigaction, SIGTRAP, NULL, &action, sizeof action.mask);
    signal_return = (uint64_t)(uintptr_t)action.restorer;
}

/* The calls that led to the first stop. */
static void learn_calls(ucontext_t *context) {
    unw_cursor_t cursor;
    struct call outwards[FRAMES_MAX];
    unsigned n = 0;
    bool exact = false;
    unw_init_local2(&cursor, context, UNW_INIT_SIGNAL_FRAME);
    while (n < FRAMES_MAX && unw_step(&cursor) > 0) {
        unw_word_t pc, sp;
        unw_get_reg(&cursor, UNW_REG_IP, &pc);
        unw_get_reg(&cursor, UNW_REG_SP, &sp);
        if (!pc)
            break;
        outwards[n++] = (struct call){sp - 8, pc - !exact};
        exact = pc == signal_return;
    }
    n_calls = 0;
    while (n)
        calls[n_calls++] = outwards[--n];
}

static void follow_calls(ucontext_t *context) {
    uint64_t pc = (uint64_t)context->uc_mcontext.gregs[REG_RIP], sp = (uint64_t)context->uc_mcontext.gregs[REG_RSP];
    uint64_t top = *(const uint64_t *)(uintptr_t)sp;
    if (!last_sp)
        learn_calls(context);
    while (n_calls && calls[n_calls - 1].slot < sp)
        n_calls--;
    if (last_sp && sp == last_sp - 8 && top - last_pc >= 2 &&
        top - last_pc <= 8) /* the instruction before was a call */
        calls[n_calls++] = (struct call){sp, top - 1};
    last_pc = pc;
    last_sp = sp;
}

static void compare(ucontext_t *context) {
    uint64_t ours[FRAMES_MAX], truth[FRAMES_MAX];
    bool complete;
    unsigned n = walk_context(context, high, ours, FRAMES_MAX, &complete), n_truth = 1, i = 0;
    follow_calls(context);
    truth[0] = last_pc;
    while (n_truth <= n_calls) {
        truth[n_truth] = calls[n_calls - n_truth].pc;
        n_truth++;
    }
    uint64_t blind[FRAMES_MAX];
    bool blind_complete;
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

static void on_trap(int signal, siginfo_t *info, void *data) {
    (void)signal, (void)info;
    ucontext_t *context = data;
    if (stepping) {
        compare(context);
        context->uc_mcontext.gregs[REG_EFL] |= TRAP_FLAG;
    } else {
        context->uc_mcontext.gregs[REG_EFL] &= ~(long long)TRAP_FLAG;
    }
}

static void step_start(void) {
    last_sp = 0;
    stepping = 1;
    raise(SIGTRAP);
}

static void step_stop(void) {
    stepping = 0;
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

/* Assembly without CFI: a leaf, one with a frame pointer, one that only saves registers. */
int bare_leaf(int x);
int bare_frame(int (*function)(int), int x);
int bare_pushes(int x);
__asm__(".text\n"
        ".p2align 4\n nop; .p2align 4\n"
        "bare_leaf: mov %edi, %eax\n add $7, %eax\n imul %edi, %eax\n ret\n"
        ".p2align 4\n"
        "bare_frame: push %rbp\n mov %rsp, %rbp\n sub $32, %rsp\n mov %rdi, -8(%rbp)\n mov %esi, %edi\n"
        " call *-8(%rbp)\n add $1, %eax\n leave\n ret\n"
        ".p2align 4\n"
        "bare_pushes: push %rbx\n push %r12\n mov %edi, %ebx\n lea 3(%rbx), %eax\n pop %r12\n pop %rbx\n ret\n"
        ".p2align 4\n nop; .p2align 4\n");

NOINLINE static int without_description(int n) {
    volatile int sum = bare_leaf(n) + bare_pushes(n);
    sum += bare_frame(leaf, n) + bare_frame(bare_leaf, n);
    return sum + (n ? without_description(n - 1) : 0);
}

/* Code of no object, as JITs make it. Each calls the first of `next` with the rest. */
typedef int generated(void *const *next, int x);
static struct {
    char *code;
    generated *frame, *frameless, *leaf, *pushes;
} jit;

static generated *emit(const char *bytes, size_t size) {
    static size_t used;
    char *at = memcpy(jit.code + used, bytes, size);
    used += (size + 15) & ~(size_t)15;
    return (generated *)(uintptr_t)at;
}
#define EMIT(bytes) emit(bytes, sizeof(bytes) - 1)

static void generate(void) {
    jit.code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    /* push %rbp; mov %rsp, %rbp; sub $16, %rsp; mov %rdi, -8(%rbp); add $8, %rdi; call *-8(%rdi); inc %eax; leave; ret */
    jit.frame = EMIT("\x55\x48\x89\xe5\x48\x83\xec\x10\x48\x89\x7d\xf8\x48\x83\xc7\x08\xff\x57\xf8\xff\xc0\xc9\xc3");
    /* sub $8, %rsp; add $8, %rdi; call *-8(%rdi); add $8, %rsp; ret */
    jit.frameless = EMIT("\x48\x83\xec\x08\x48\x83\xc7\x08\xff\x57\xf8\x48\x83\xc4\x08\xc3");
    /* lea 7(%rsi), %eax; imul %esi, %eax; ret */
    jit.leaf = EMIT("\x8d\x46\x07\x0f\xaf\xc6\xc3");
    /* push %rbx; push %r12; mov %esi, %ebx; lea 3(%rbx), %eax; pop %r12; pop %rbx; ret */
    jit.pushes = EMIT("\x53\x41\x54\x89\xf3\x8d\x43\x03\x41\x5c\x5b\xc3");
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

static int setup(void **state) {
    (void)state;
    struct sigaction action = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO};
    if (sigaction(SIGTRAP, &action, NULL) || modules_refresh(NULL))
        return -1;
    learn_signal_return();
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
    assert_true(seen.same > seen.shorter);
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(walks_are_the_calls_that_have_not_returned_at_every_instruction, setup),
        cmocka_unit_test_setup(code_without_description_is_guessed_with_care, setup),
        cmocka_unit_test_setup(generated_code_is_followed_with_care, setup),
        cmocka_unit_test_setup(walks_go_through_signal_frames, setup),
        cmocka_unit_test_setup(walks_of_a_thread_end_at_its_start, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
