#include "probe/control/dump.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "probe/control/peek.h"
#include "probe/control/tasks.h"
#include "probe/handler/capture.h"
#include "probe/handler/probe.h"
#include "probe/handler/thread.h"
#include "probe/handler/tick.h"
#include "probe/handler/timers.h"
#include "probe/handler/unwind_arch.h"

/* Bytes of a stack that are copied at most: 128 frames of 2 KB. */
#define STACK_COPY_BYTES (256u << 10)
#define RUNNING_ROUNDS 50 /* times 2 ms */
#define ROUND_NS 2000000

static char *stack_copy; /* made at the first dump, kept */

static bool have_stack_copy(void) {
    if (stack_copy)
        return true;
    void *memory = mmap(NULL, STACK_COPY_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    stack_copy = memory == MAP_FAILED ? NULL : memory;
    return stack_copy != NULL;
}

static size_t stack_copied; /* bytes of it in use */

static bool copy_other_stack(uint64_t address, struct unwind_memory *memory);

/* Copy what there is of another thread's stack from `low` up; the thread may end and its stack vanish meanwhile. */
static bool copy_more(uint64_t low, uint64_t high, struct unwind_memory *ret) {
    uint64_t room = STACK_COPY_BYTES - stack_copied;
    size_t copied = peek(low, stack_copy + stack_copied, high - low < room ? high - low : room);
    if (copied < 8)
        return false;
    *ret = (struct unwind_memory){.low = low,
                                  .high = low + (copied & ~(uint64_t)7),
                                  .bytes = stack_copy + stack_copied,
                                  .more = copy_other_stack};
    stack_copied += copied & ~(size_t)7;
    return true;
}

/* The thread waits in a signal handler on an alternate stack: the one that it interrupted. */
static bool copy_other_stack(uint64_t address, struct unwind_memory *memory) {
    return copy_more(address - UNWIND_RED_ZONE_BYTES, UINT64_MAX, memory) || copy_more(address, UINT64_MAX, memory);
}

static struct unwind_memory copy_stack(const struct segment_thread *record, uint64_t sp) {
    struct unwind_memory memory = {0};
    bool known = sp >= record->stack_low && sp < record->stack_high;
    stack_copied = 0;
    if (have_stack_copy())
        copy_more(sp & ~(uint64_t)7, known ? record->stack_high : UINT64_MAX, &memory);
    return memory;
}

static void finish(struct segment_thread *record, uint64_t seq, uint32_t stack, uint32_t state) {
    record->dump_stack = stack;
    record->dump_state = state;
    __atomic_store_n(&record->dump_seq, seq, __ATOMIC_RELEASE);
}

/* A thread inside a hook that waits published its registers. False when it is not, or left while we looked. */
static bool take_hooked(struct segment_thread *record, uint64_t seq) {
    uint64_t before = __atomic_load_n(&record->wait_seq, __ATOMIC_ACQUIRE);
    if (!(before & 1))
        return false;
    struct unwind_registers registers = {
        .pc = record->wait_pc, .sp = record->wait_sp, .fp = record->wait_fp, .pc_is_return = true};
    uint32_t state = record->state;
    uint64_t since_ns = record->state_since_ns;
    struct unwind_memory memory = copy_stack(record, registers.sp);
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    if (__atomic_load_n(&record->wait_seq, __ATOMIC_ACQUIRE) != before)
        return false;
    uint32_t stack = capture_stack_in(&registers, memory); /* which may have copied more */
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    if (__atomic_load_n(&record->wait_seq, __ATOMIC_ACQUIRE) != before)
        return false;
    record->dump_since_ns = since_ns;
    record->dump_wait_seq = before;
    finish(record, seq, stack, state);
    return true;
}

/* Not in a hook of ours, or gone out of one while we looked. */
static void finish_unhooked(struct segment_thread *record, uint64_t seq, uint32_t stack, uint32_t state) {
    record->dump_since_ns = record->dump_wait_seq = 0;
    finish(record, seq, stack, state);
}

static bool is_socket_or_pipe(uint32_t tid, uint64_t fd) {
    uint32_t mode = task_descriptor_mode(tid, (uint32_t)fd);
    return S_ISSOCK(mode) || S_ISFIFO(mode) || S_ISCHR(mode);
}

static uint32_t state_of_call(uint32_t tid, const struct task_place *place) {
    switch (place->number) {
    case SYS_futex:
        return SEGMENT_THREAD_FUTEX;
#ifdef SYS_poll /* newer architectures have the general forms alone */
    case SYS_poll:
    case SYS_select:
    case SYS_epoll_wait:
#endif
    case SYS_ppoll:
    case SYS_pselect6:
    case SYS_epoll_pwait:
    case SYS_accept:
    case SYS_accept4:
    case SYS_connect:
    case SYS_recvfrom:
    case SYS_recvmsg:
    case SYS_recvmmsg:
    case SYS_sendto:
    case SYS_sendmsg:
        return SEGMENT_THREAD_IO;
    case SYS_read:
    case SYS_readv:
    case SYS_write:
    case SYS_writev:
        return is_socket_or_pipe(tid, place->arguments[0]) ? SEGMENT_THREAD_IO : SEGMENT_THREAD_SYSCALL;
    case SYS_nanosleep:
    case SYS_clock_nanosleep:
        return SEGMENT_THREAD_SLEEP;
    default:
        return place->number < 0 ? SEGMENT_THREAD_RUNNING : SEGMENT_THREAD_SYSCALL;
    }
}

/* A thread that waits where no hook of ours sees it: the kernel tells its pc and sp. */
static bool take_blocked(struct segment_thread *record, uint64_t seq) {
    struct task_place place, again;
    if (task_place(record->tid, &place) || place.running)
        return false;
    struct unwind_memory memory = copy_stack(record, place.sp);
    if (task_place(record->tid, &again) || again.running || again.sp != place.sp || again.pc != place.pc)
        return false;
    struct unwind_registers registers = {.pc = place.pc, .sp = place.sp, .fp_unknown = true};
    uint32_t stack = capture_stack_in(&registers, memory); /* which may have copied more */
    if (task_place(record->tid, &again) || again.running || again.sp != place.sp || again.pc != place.pc)
        return false;
    finish_unhooked(record, seq, stack, state_of_call(record->tid, &place));
    return true;
}

static bool is_listed(const struct segment_thread *record) {
    uint32_t state = __atomic_load_n(&record->state, __ATOMIC_ACQUIRE);
    return state != SEGMENT_THREAD_FREE && state != SEGMENT_THREAD_EXITED && !record->own;
}

static bool is_done(struct segment_thread *record, uint64_t seq) {
    return !is_listed(record) || __atomic_load_n(&record->dump_seq, __ATOMIC_ACQUIRE) == seq ||
           take_hooked(record, seq) || take_blocked(record, seq);
}

/* Timers that ask running threads, by record; -1 = none. */
static int asked[SEGMENT_THREADS_MAX];

/* One look at every thread; how many are not done. */
static unsigned look_at_all(uint64_t seq) {
    unsigned missing = 0;
    for (uint32_t i = 0; i < SEGMENT_THREADS_MAX; i++) {
        struct segment_thread *record = thread_at(i);
        if (!record || is_done(record, seq))
            continue;
        if (asked[i] < 0)
            asked[i] = timers_ask(record);
        missing++;
    }
    return missing;
}

void dump_take(uint64_t seq) {
    for (uint32_t i = 0; i < SEGMENT_THREADS_MAX; i++)
        asked[i] = -1;
    __atomic_store_n(&tick_dump_seq, seq, __ATOMIC_RELEASE);
    for (int round = 0; round < RUNNING_ROUNDS && look_at_all(seq) > 0; round++)
        syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &(struct timespec){.tv_nsec = ROUND_NS}, NULL);
    __atomic_store_n(&tick_dump_seq, 0, __ATOMIC_RELEASE);
    for (uint32_t i = 0; i < SEGMENT_THREADS_MAX; i++) {
        struct segment_thread *record = thread_at(i);
        timers_forget(asked[i]);
        /* It wants to run and never got a CPU: listed, without a stack. */
        if (record && is_listed(record) && __atomic_load_n(&record->dump_seq, __ATOMIC_ACQUIRE) != seq)
            finish_unhooked(record, seq, 0, SEGMENT_THREAD_RUNNING);
    }
}
