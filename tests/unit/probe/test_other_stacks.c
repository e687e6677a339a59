/* Walks that begin on, and lead across, stacks that nobody told us of: alternate signal stacks, coroutines, threads that
 * were there before. The truth is a list that the program itself keeps of the calls that it makes. */
#include <alloca.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "probe/control/modules.h"
#include "probe/handler/capture.h"
#include "probe/handler/probe.h"
#include "step.h"
#include "unwind_test.h"

#define NOINLINE __attribute__((noinline))
#define PAGE 4096u
#define DEPTH 128

static struct segment segment = {.page_bytes = PAGE};
static struct segment_thread record;
static volatile int sink;

/* Return addresses of the calls under way, outermost first. */
static uint64_t calls[DEPTH];
static volatile unsigned n_calls;

#define CALLED() (calls[n_calls++] = (uint64_t)(uintptr_t)__builtin_return_address(0) - 1)
#define RETURNS() (n_calls--)

static struct {
    unsigned n;
    bool complete;
    uint64_t pcs[DEPTH];
} walked;

static void walk_from(struct unwind_registers start) {
    struct unwind_memory memory = capture_memory(start.sp);
    walked.n = unwind_walk(&start, &memory, walked.pcs, DEPTH, &walked.complete);
}

/* Every call that has not returned is in the walk, in order, and it ends at a root. */
static void expect_all_calls(void) {
    unsigned found = 0;
    for (unsigned i = 0; i < walked.n && found < n_calls; i++)
        found += walked.pcs[i] == calls[n_calls - 1 - found];
    assert_int_equal(found, n_calls);
    assert_true(walked.complete);
}

NOINLINE static void look(void) {
    CALLED();
    raise(SIGUSR2);
    RETURNS();
}

NOINLINE static int deep(int depth) {
    volatile char room[100];
    CALLED();
    room[depth] = 1;
    if (depth)
        sink += deep(depth - 1) + room[depth];
    else
        look();
    RETURNS();
    return room[depth];
}

static void on_look(int signal, siginfo_t *info, void *context) {
    (void)signal, (void)info;
    walk_from(unwind_registers_of(context));
}

static void on_work(int signal) {
    (void)signal;
    sink += deep(5);
}

NOINLINE static void interrupted(void) {
    CALLED();
    raise(SIGUSR1);
    RETURNS();
}

/* SIGUSR1 works on an alternate stack in the given memory, SIGUSR2 takes the walk. */
static void use_alternate_stack(void *memory, size_t bytes) {
    stack_t stack = {.ss_sp = memory, .ss_size = bytes, .ss_flags = memory ? 0 : SS_DISABLE};
    assert_int_equal(sigaltstack(&stack, NULL), 0);
}

static void at_stop(const ucontext_t *context);

static int setup(void **state) {
    (void)state;
    struct sigaction look_action = {.sa_sigaction = on_look, .sa_flags = SA_SIGINFO};
    struct sigaction work_action = {.sa_handler = on_work, .sa_flags = SA_ONSTACK};
    sigaction(SIGUSR2, &look_action, NULL);
    sigaction(SIGUSR1, &work_action, NULL);
    record.stack_high = stack_high();
    record.stack_low = record.stack_high - (8u << 20);
    probe.segment = &segment;
    probe_thread.record = &record;
    n_calls = 0;
    memset(&walked, 0, sizeof walked);
    return step_init(at_stop) || modules_refresh(NULL) ? -1 : 0;
}

static int bounds_unknown(void **state) {
    int error = setup(state);
    probe_thread.record = NULL;
    return error;
}

static void expect_walk_across_alternate_stack(void *memory, size_t bytes) {
    use_alternate_stack(memory, bytes);
    interrupted();
    use_alternate_stack(NULL, 0);
    assert_int_equal(n_calls, 0);
    assert_true(walked.complete);
    assert_true(walked.n > 10);
}

static void on_look_compare(int signal, siginfo_t *info, void *context) {
    on_look(signal, info, context);
    expect_all_calls();
}

static void compare_when_looking(void) {
    struct sigaction action = {.sa_sigaction = on_look_compare, .sa_flags = SA_SIGINFO};
    sigaction(SIGUSR2, &action, NULL);
}

static void a_handler_on_an_alternate_stack_leads_back_to_the_thread_s_own(void **state) {
    (void)state;
    size_t bytes = 64u << 10;
    void *memory = malloc(bytes);
    compare_when_looking();
    expect_walk_across_alternate_stack(memory, bytes);
    free(memory);
}

static void an_alternate_stack_may_lie_in_the_thread_s_own(void **state) {
    (void)state;
    compare_when_looking();
    expect_walk_across_alternate_stack(alloca(64u << 10), 64u << 10);
}

static void an_alternate_stack_may_be_small(void **state) {
    (void)state;
    compare_when_looking();
    size_t bytes = ((size_t)sysconf(_SC_MINSIGSTKSZ) * 2 + 8192 + PAGE - 1) & ~(size_t)(PAGE - 1);
    char *memory = mmap(NULL, bytes + 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_int_equal(mprotect(memory + PAGE, bytes, PROT_READ | PROT_WRITE), 0);
    expect_walk_across_alternate_stack(memory + PAGE, bytes);
    munmap(memory, bytes + 2 * PAGE);
}

/* ---- Coroutines ----------------------------------------------------------------------------------------------------*/
static ucontext_t outside, inside;
static void (*body)(void);

static void coroutine(void) {
    unsigned before = n_calls;
    n_calls = 0; /* of this stack */
    body();
    n_calls = before;
}

NOINLINE static void run_on(void *stack, size_t bytes) {
    getcontext(&inside);
    inside.uc_stack.ss_sp = stack;
    inside.uc_stack.ss_size = bytes;
    inside.uc_link = &outside;
    makecontext(&inside, coroutine, 0);
    swapcontext(&outside, &inside);
}

/* Between two pages that can't be read; what is above the stack's end is never needed. */
static char *guarded_stack(size_t bytes) {
    char *memory = mmap(NULL, bytes + 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_int_equal(mprotect(memory + PAGE, bytes, PROT_READ | PROT_WRITE), 0);
    return memory + PAGE;
}

static void run_guarded(void (*function)(void), size_t bytes) {
    char *stack = guarded_stack(bytes);
    body = function;
    run_on(stack, bytes);
    munmap(stack - PAGE, bytes + 2 * PAGE);
    assert_true(walked.complete);
}

static void go_deep(void) {
    CALLED();
    sink += deep(7);
    RETURNS();
}

static void a_coroutine_s_stack_ends_at_its_first_function(void **state) {
    (void)state;
    compare_when_looking();
    run_guarded(go_deep, 64u << 10);
}

static void a_coroutine_may_have_a_small_stack_on_the_heap(void **state) {
    (void)state;
    size_t bytes = (size_t)sysconf(_SC_MINSIGSTKSZ) + (16u << 10);
    void *stack = malloc(bytes);
    compare_when_looking();
    body = go_deep;
    run_on(stack, bytes);
    free(stack);
    assert_true(walked.complete);
}

NOINLINE static void have_large_frame(void) {
    volatile char room[300000];
    CALLED();
    room[0] = room[sizeof room - 1] = 1;
    sink += deep(3) + room[0];
    RETURNS();
}

static void a_coroutine_may_have_frames_of_many_pages(void **state) {
    (void)state;
    compare_when_looking();
    run_guarded(have_large_frame, 512u << 10);
}

static void an_interrupted_coroutine_is_found_from_an_alternate_stack(void **state) {
    (void)state;
    size_t bytes = 64u << 10;
    void *memory = malloc(bytes);
    compare_when_looking();
    use_alternate_stack(memory, bytes);
    run_guarded(interrupted, 64u << 10);
    use_alternate_stack(NULL, 0);
    free(memory);
}

/* ---- Every instruction ---------------------------------------------------------------------------------------------*/
/* Between two stacks libc takes the registers from the context that it switches to, which is on neither: a dozen
 * instructions, at which a walk is truncated. All others know where they are. */
#define SWITCH_FUNCTION_BYTES_MAX 512u
#define SWITCHES 7u
#if defined(__x86_64__)
#define BETWEEN_STACKS_MAX 15u
#else
#define BETWEEN_STACKS_MAX 75u /* nearly all: libc's description forgets that the link register is changed early */
#endif

static unsigned stops, incomplete, incomplete_elsewhere;

static bool is_in(uint64_t pc, uint64_t function) {
    return pc - function < SWITCH_FUNCTION_BYTES_MAX;
}

static void at_stop(const ucontext_t *context) {
    walk_from(unwind_registers_of(context));
    stops++;
    incomplete += !walked.complete;
    incomplete_elsewhere += !walked.complete && !is_in(walked.pcs[0], (uint64_t)(uintptr_t)swapcontext) &&
                            !is_in(walked.pcs[0], (uint64_t)(uintptr_t)setcontext);
}

static ucontext_t main_side, other_side;
static void take_turns(void) {
    for (int i = 0; i < 3; i++)
        swapcontext(&other_side, &main_side);
}

static void a_switch_of_coroutines_is_complete_but_between_two_stacks(void **state) {
    (void)state;
    size_t bytes = 64u << 10;
    char *stack = guarded_stack(bytes);
    getcontext(&other_side);
    other_side.uc_stack.ss_sp = stack;
    other_side.uc_stack.ss_size = bytes - 64; /* so that there is something at the stack pointer when it is empty */
    other_side.uc_link = &main_side;
    makecontext(&other_side, take_turns, 0);
    swapcontext(&main_side, &other_side); /* binds its symbol */
    stops = incomplete = incomplete_elsewhere = 0;
    step_start();
    for (int i = 0; i < 3; i++)
        swapcontext(&main_side, &other_side);
    step_stop();
    munmap(stack - PAGE, bytes + 2 * PAGE);
    print_message("%u stops, %u incomplete\n", stops, incomplete);
    assert_true(stops > 300);
    assert_int_equal(incomplete_elsewhere, 0);
    assert_in_range(incomplete, 0, SWITCHES * BETWEEN_STACKS_MAX);
}

/* ---- What is not there ---------------------------------------------------------------------------------------------*/
static void a_stack_pointer_to_nowhere_gives_the_leaf(void **state) {
    (void)state;
    static const uint64_t nowhere[] = {0, 8, 1, PAGE, UINT64_MAX, UINT64_MAX - 7, 1ull << 63, 0x7ffffffff000};
    ucontext_t context;
    getcontext(&context);
    for (size_t i = 0; i < sizeof nowhere / sizeof *nowhere; i++) {
        struct unwind_registers start = unwind_registers_of(&context);
        start.sp = nowhere[i];
        errno = EINVAL;
        walk_from(start);
        assert_int_equal(errno, EINVAL);
        assert_int_equal(walked.n, 1);
        assert_false(walked.complete);
    }
}

static void a_stack_that_ends_early_is_truncated(void **state) {
    (void)state;
    char *page = memset(guarded_stack(PAGE), 0xff, PAGE); /* no return address of 0, which is a root */
    ucontext_t context;
    getcontext(&context);
    struct unwind_registers start = unwind_registers_of(&context);
    start.sp = (uint64_t)(uintptr_t)(page + PAGE - 16);
    walk_from(start);
    assert_false(walked.complete);
    munmap(page - PAGE, 3 * PAGE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_handler_on_an_alternate_stack_leads_back_to_the_thread_s_own, setup),
        cmocka_unit_test_setup(a_handler_on_an_alternate_stack_leads_back_to_the_thread_s_own, bounds_unknown),
        cmocka_unit_test_setup(an_alternate_stack_may_lie_in_the_thread_s_own, setup),
        cmocka_unit_test_setup(an_alternate_stack_may_be_small, setup),
        cmocka_unit_test_setup(an_alternate_stack_may_be_small, bounds_unknown),
        cmocka_unit_test_setup(a_coroutine_s_stack_ends_at_its_first_function, setup),
        cmocka_unit_test_setup(a_coroutine_may_have_a_small_stack_on_the_heap, bounds_unknown),
        cmocka_unit_test_setup(a_coroutine_may_have_frames_of_many_pages, setup),
        cmocka_unit_test_setup(an_interrupted_coroutine_is_found_from_an_alternate_stack, setup),
        cmocka_unit_test_setup(a_switch_of_coroutines_is_complete_but_between_two_stacks, setup),
        cmocka_unit_test_setup(a_stack_pointer_to_nowhere_gives_the_leaf, setup),
        cmocka_unit_test_setup(a_stack_that_ends_early_is_truncated, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
