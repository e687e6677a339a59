#include "probe/control/own_thread.h"

#include <errno.h>
#include <limits.h>
#include <linux/close_range.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "probe/control/peek.h"
#include "probe/handler/probe.h"
#include "probe/handler/thread.h"

#define PAGE_BYTES 4096u
#define STACK_BYTES (128u << 10)
#define NEAR_BYTES 1024u /* of thread-locals on both sides of one that is used: more than libc has */

/* The block of memory that a thread pointer points into: thread-locals on the one side of it, libc's own description of the
 * thread on the other (ELF Handling For Thread-Local Storage, variants I and II). */
#if defined(__x86_64__)

#define HEAD_BYTES 704u /* glibc's tcbhead_t: stack protector, pointer guard, … */

static char *thread_pointer(void) {
    char *pointer;
    __asm__("mov %%fs:0, %0" : "=r"(pointer));
    return pointer;
}

/* It points to itself, twice. */
static void make_own(char *pointer) {
    void *self = pointer;
    memcpy(pointer, &self, sizeof self);
    memcpy(pointer + 2 * sizeof self, &self, sizeof self);
}

#elif defined(__aarch64__)

#define HEAD_BYTES 16u

static char *thread_pointer(void) {
    char *pointer;
    __asm__("mrs %0, tpidr_el0" : "=r"(pointer));
    return pointer;
}

static void make_own(char *pointer) {
    (void)pointer;
}

#else
#error "where thread-locals are is known for x86-64 and aarch64 only"
#endif

/* How far thread-locals that are used reach below and above the thread pointer. */
struct reach {
    size_t below, above;
};

static void include(struct reach *reach, const void *variable) {
    intptr_t at = (const char *)variable - thread_pointer();
    if (at < 0 && (size_t)-at + NEAR_BYTES > reach->below)
        reach->below = (size_t)-at + NEAR_BYTES;
    if (at >= 0 && (size_t)at + NEAR_BYTES > reach->above)
        reach->above = (size_t)at + NEAR_BYTES;
}

static size_t pages(size_t bytes) {
    return (bytes + PAGE_BYTES - 1) & ~(size_t)(PAGE_BYTES - 1);
}

static void copy_near(char *pointer, const void *variable) {
    intptr_t at = (const char *)variable - thread_pointer() - (intptr_t)NEAR_BYTES;
    peek((uint64_t)(uintptr_t)(thread_pointer() + at), pointer + at, (size_t)2 * NEAR_BYTES);
}

/* A guard page, the stack, the thread-locals. Returns the thread pointer; NULL when there is no memory. */
static char *make_memory(struct own_thread *thread) {
    struct reach reach = {.below = PAGE_BYTES, .above = PAGE_BYTES}; /* libc's description is smaller than that */
    include(&reach, &errno);
    include(&reach, &probe_thread);
    size_t stack = PAGE_BYTES + STACK_BYTES;
    if (!thread->memory) {
        thread->bytes = stack + pages(reach.below) + pages(reach.above);
        void *memory = mmap(NULL, thread->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED || mprotect(memory, PAGE_BYTES, PROT_NONE))
            return NULL;
        thread->memory = memory;
    }
    char *pointer = (char *)thread->memory + stack + pages(reach.below);
    memcpy(pointer, thread_pointer(), HEAD_BYTES);
    copy_near(pointer, &errno);
    copy_near(pointer, &probe_thread);
    make_own(pointer);
    return pointer;
}

/* What a thread does first; the starter waits for it, as this is on its stack. */
struct start {
    int (*function)(void *);
    void *argument;
    uint32_t begun; /* A */
};

static int run(void *data) {
    struct start *shared = data;
    struct start start = *shared;
    probe_thread = (struct probe_thread){.own = true};
    syscall(SYS_close_range, 0u, ~0u, CLOSE_RANGE_UNSHARE); /* one that fails costs a little time, see above */
    thread_begin_own();
    __atomic_store_n(&shared->begun, 1, __ATOMIC_RELEASE);
    syscall(SYS_futex, &shared->begun, FUTEX_WAKE, INT_MAX, NULL, NULL, 0L);
    return start.function(start.argument);
}

static void wait_while(uint32_t *word, uint32_t value) {
    while (__atomic_load_n(word, __ATOMIC_ACQUIRE) == value)
        syscall(SYS_futex, word, FUTEX_WAIT, value, NULL, NULL, 0L);
}

int own_thread_start(struct own_thread *thread, int (*function)(void *), void *argument) {
    /* CLONE_SYSVSEM, as libc has it, for emulators: they know no other threads. */
    static const int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM |
                             CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID;
    char *pointer = make_memory(thread);
    if (!pointer)
        return -ENOMEM;
    struct start start = {.function = function, .argument = argument};
    uint64_t all = ~(uint64_t)0, before; /* libc's own signals too */
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before, sizeof all);
    int tid = clone(run, (char *)thread->memory + PAGE_BYTES + STACK_BYTES, flags, &start, &thread->tid, pointer,
                    &thread->tid);
    int error = tid < 0 ? -errno : 0;
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, sizeof before);
    if (!error)
        wait_while(&start.begun, 0);
    return error;
}

void own_thread_join(struct own_thread *thread) {
    uint32_t tid;
    while ((tid = __atomic_load_n(&thread->tid, __ATOMIC_ACQUIRE)) != 0)
        wait_while(&thread->tid, tid);
}

void own_thread_reset_after_fork(struct own_thread *thread) {
    thread->tid = 0;
}
