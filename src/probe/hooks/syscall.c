/* System calls through libc's syscall(). Waits by futex(2): the locks of Rust's standard library and of Abseil, the atomic
 * waits of C++20; pthread hooks see none of them. What changes the rights of the thread that calls it. And ends of the
 * process. */
#include <linux/futex.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "probe/handler/ending.h"
#include "probe/hooks/real.h"
#include "probe/hooks/waiting.h"

/* Drepper's mutex ("Futexes Are Tricky"), which nearly every futex lock is: 0 free, 1 held, 2 held and waited for. A
 * waiter sleeps on 2; an unlock stores 0 and wakes. Conditions and parked threads sleep on counters and other values, and
 * are no lock: their wakers are charged with nothing. */
#define LOCK_FREE 0u
#define LOCK_AWAITED 2u

/* On x86-64 libc's syscall() takes its last argument from the stack, where a caller that does not pass it keeps something else: it may
 * be read, never written. So the entry takes the arguments in registers alone and ends in a jump, which leaves the stack
 * as it is, to functions that take one more. (Called instead, their last argument would be lost: the probe is optimised
 * in every build, and tests/programs/lock_truth.c waits with FUTEX_WAIT_BITSET, which fails without it.) Where all arguments
 * come in registers the entry takes them all. */
#if defined(__x86_64__)
#define ENTRY_PARAMETERS long number, long a, long b, long c, long d, long e
#define ENTRY_ARGUMENTS number, a, b, c, d, e
#else
#define ENTRY_PARAMETERS long number, long a, long b, long c, long d, long e, long f
#define ENTRY_ARGUMENTS number, a, b, c, d, e, f
#endif
typedef long syscall_entry(ENTRY_PARAMETERS);
syscall_entry hook_syscall __asm__("syscall");

#ifdef __clang__
#define NO_JUMPS __attribute__((disable_tail_calls))
#else
#define NO_JUMPS __attribute__((optimize("no-optimize-sibling-calls")))
#endif

static bool is_unlock(const uint32_t *word) {
    return waiters_maybe(word) && __atomic_load_n(word, __ATOMIC_RELAXED) == LOCK_FREE;
}

/* Words of the mailbox: the handler's own calls come through here too, since libc's syscall() is this hook. To record
 * them would take a stack, which may ask control for tables by such a call, and so on until the stack overflows. */
static bool is_ours(const uint32_t *word) {
    return (uintptr_t)word - (uintptr_t)probe.segment < probe.segment->total_bytes;
}

/* Jumped to by the entry: its caller is the program. */
static __attribute__((noinline)) NO_JUMPS long futex(long number, long a, long b, long c, long d, long e, long f) {
    uint32_t *word = (uint32_t *)a;
    long operation = b & FUTEX_CMD_MASK;
    bool waits = operation == FUTEX_WAIT || operation == FUTEX_WAIT_BITSET;
    bool wakes = operation == FUTEX_WAKE || operation == FUTEX_WAKE_BITSET;
    if (is_ours(word))
        return REAL(syscall)(number, a, b, c, d, e, f);
    if (waits && (uint32_t)c == LOCK_AWAITED)
        return CONTENDED(word, SEGMENT_THREAD_FUTEX, REAL(syscall)(number, a, b, c, d, e, f));
    if (waits)
        return SYNCHRONISING(SEGMENT_THREAD_FUTEX, a, REAL(syscall)(number, a, b, c, d, e, f));
    if (wakes && is_unlock(word))
        return UNLOCKING(word, REAL(syscall)(number, a, b, c, d, e, f));
    if (wakes && trace_is_on())
        return WAKING(word, REAL(syscall)(number, a, b, c, d, e, f));
    return REAL(syscall)(number, a, b, c, d, e, f);
}

/* The same for the end of the process, and for a program that takes its place. */
static __attribute__((noinline)) NO_JUMPS long end(long number, long a, long b, long c, long d, long e, long f) {
    struct unwind_registers caller = CALLER_REGISTERS();
    ending_tell_from(&caller);
    return REAL(syscall)(number, a, b, c, d, e, f);
}

static inline bool ends_program(long number) {
    return number == SYS_exit_group || number == SYS_execve || number == SYS_execveat;
}

/* A pointer that the compiler knows nothing about: it must neither see that the types differ nor specialise the target. */
static inline syscall_entry *opaque(void *function) {
    __asm__("" : "+r"(function));
    return (syscall_entry *)function;
}

/* What control follows with its own thread. */
static inline bool changes_rights(long number) {
    switch (number) {
    case SYS_setuid:
    case SYS_setgid:
    case SYS_setreuid:
    case SYS_setregid:
    case SYS_setresuid:
    case SYS_setresgid:
    case SYS_setgroups:
    case SYS_setfsuid:
    case SYS_setfsgid:
    case SYS_capset:
    case SYS_prctl:
    case SYS_landlock_restrict_self:
    case SYS_unshare:
    case SYS_setns:
        return true;
    default:
        return false;
    }
}

EXPORT long hook_syscall(ENTRY_PARAMETERS) {
    if (unlikely(!real.syscall))
        real_resolve();
    if (number == SYS_futex && probe.watching && !probe_thread.own)
        return opaque((void *)futex)(ENTRY_ARGUMENTS);
    if (unlikely(changes_rights(number)) && probe.change_rights && !probe_thread.own)
        return opaque((void *)probe.change_rights)(ENTRY_ARGUMENTS);
    if (unlikely(ends_program(number)) && probe.to_the_end)
        return opaque((void *)end)(ENTRY_ARGUMENTS);
    return opaque((void *)real.syscall)(ENTRY_ARGUMENTS);
}

/* As libc's: all arguments that there may be are passed on. */
EXPORT int prctl(int option, ...) {
    va_list list;
    va_start(list, option);
    long a = va_arg(list, long), b = va_arg(list, long), c = va_arg(list, long), d = va_arg(list, long);
    va_end(list);
    if (probe.change_rights && !probe_thread.own)
        return (int)probe.change_rights(SYS_prctl, option, a, b, c, d, 0);
    return (int)REAL(syscall)(SYS_prctl, option, a, b, c, d, 0L);
}
