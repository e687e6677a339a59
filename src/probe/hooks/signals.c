/* Signals: the one that our timers send is none of the program's. It is not told of it by the calls that wait for signals,
 * and it can give the same signal an action of its own without ending ours: a timer's late signal would meet the default
 * action, which kills, or count as the program's. */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <time.h>

#include "probe/handler/crash.h"
#include "probe/handler/crash_stack.h"
#include "probe/handler/probe.h"
#include "probe/handler/thread.h"
#include "probe/handler/tick.h"
#include "probe/handler/timers.h"
#include "probe/hooks/real.h"

#define EXPORT __attribute__((visibility("default")))

/* Ours stays installed; with the program's mask and flags, so that its handler runs as it was meant to. SA_RESETHAND is
 * done by our handler. */
static int install_for_program(const struct sigaction *action) {
    struct sigaction kernel = {.sa_sigaction = tick_handler, .sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK};
    sigfillset(&kernel.sa_mask);
    if (tick_is_handler(action)) {
        kernel.sa_mask = action->sa_mask;
        kernel.sa_flags = SA_SIGINFO | (action->sa_flags & ~SA_RESETHAND);
    }
    return REAL(sigaction)(timers_signal, &kernel, NULL);
}

/* What the kernel has of the program's actions differs from what the program asked for; a bit each (1 << number). */
static uint64_t withheld; /* asks for an alternate stack and would get ours */
static uint64_t
    let_in; /* blocks our signal while its handler runs: a thread that hangs there is to be seen all the same */

static uint64_t bit_of(int number) {
    return number > 0 && number < 64 ? (uint64_t)1 << number : 0;
}

static bool has_bit(const uint64_t *bits, int number) {
    return __atomic_load_n(bits, __ATOMIC_ACQUIRE) & bit_of(number);
}

static void change_bit(uint64_t *bits, int number, bool set) {
    if (set)
        __atomic_fetch_or(bits, bit_of(number), __ATOMIC_ACQ_REL);
    else
        __atomic_fetch_and(bits, ~bit_of(number), __ATOMIC_ACQ_REL);
}

/* Not on an alternate stack, which may have no room for a second signal. */
static bool may_let_in(const struct sigaction *action) {
    return timers_signal && !(action->sa_flags & SA_ONSTACK) && tick_is_handler(action) &&
           !tick_is_handler(&tick_program_action) && sigismember(&action->sa_mask, timers_signal) == 1;
}

/* The program's own action, as sigaction(2). */
static int change_action(int number, const struct sigaction *action, struct sigaction *before) {
    struct sigaction wanted, was;
    bool withhold = false, let = false;
    if (action) {
        wanted = *action;
        withhold = action->sa_flags & SA_ONSTACK && crash_signals && !crash_stack_program_has_one();
        let = may_let_in(action);
        if (withhold)
            wanted.sa_flags &= ~SA_ONSTACK;
        if (let)
            sigdelset(&wanted.sa_mask, timers_signal);
    }
    int error = REAL(sigaction)(number, action ? &wanted : NULL, &was);
    if (error)
        return error;
    if (has_bit(&withheld, number))
        was.sa_flags |= SA_ONSTACK;
    if (has_bit(&let_in, number))
        sigaddset(&was.sa_mask, timers_signal);
    if (action) {
        change_bit(&withheld, number, withhold);
        change_bit(&let_in, number, let);
    }
    if (before)
        *before = was;
    return 0;
}

/* The program's first alternate stack: from now on its actions have the flag that they asked for. */
static void give_withheld(void) {
    for (int number = 1; number < 64; number++) {
        struct sigaction action;
        if (!has_bit(&withheld, number) || REAL(sigaction)(number, NULL, &action))
            continue;
        change_bit(&withheld, number, false);
        action.sa_flags |= SA_ONSTACK;
        REAL(sigaction)(number, &action, NULL);
    }
}

EXPORT int sigaltstack(const stack_t *restrict wanted, stack_t *restrict before) {
    int error = crash_stack_change(wanted, before);
    if (!error && crash_stack_program_has_one() && __atomic_load_n(&withheld, __ATOMIC_ACQUIRE))
        give_withheld();
    return error;
}

/* A program that has no handler of its own for a fatal signal has ours, and is told that it has the default action. */
static int change_fatal(int number, const struct sigaction *action, struct sigaction *before) {
    struct sigaction ours = {.sa_sigaction = crash_handler, .sa_flags = SA_SIGINFO | SA_ONSTACK}, was;
    sigfillset(&ours.sa_mask);
    bool to_default = action && action->sa_handler == SIG_DFL;
    int error = change_action(number, to_default ? NULL : action, &was);
    if (!error && to_default) {
        error = REAL(sigaction)(number, &ours, NULL);
        change_bit(&withheld, number, false);
        change_bit(&let_in, number, false);
    }
    if (error)
        return error;
    if (was.sa_flags & SA_SIGINFO && was.sa_sigaction == crash_handler)
        was = (struct sigaction){.sa_handler = SIG_DFL};
    if (before)
        *before = was;
    return 0;
}

EXPORT int sigaction(int number, const struct sigaction *restrict action, struct sigaction *restrict before) {
    if (unlikely(crash_is_ours(number)))
        return change_fatal(number, action, before);
    if (likely(!timers_signal || number != timers_signal))
        return change_action(number, action, before);
    struct sigaction wanted, was = tick_program_action;
    if (action) {
        wanted = *action; /* may be the same memory as before */
        tick_program_action = wanted;
        int error = install_for_program(&wanted);
        if (error)
            return error;
    }
    if (before)
        *before = was;
    return 0;
}

EXPORT sighandler_t signal(int number, sighandler_t handler) {
    if (likely((!timers_signal || number != timers_signal) && !crash_is_ours(number)))
        return REAL(signal)(number, handler);
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART}, before;
    sigaddset(&action.sa_mask, number);
    return sigaction(number, &action, &before) ? SIG_ERR : before.sa_handler;
}

/* A thread that blocks every signal is to be seen all the same; it is told what it wants to hear. Not while the program
 * has a handler for that signal, which it may have blocked for good reason. */
static int change_mask(__typeof__(sigprocmask) *change, int how, const sigset_t *set, sigset_t *before) {
    if (!timers_signal || probe_thread.own || tick_is_handler(&tick_program_action))
        return change(how, set, before);
    bool blocked = probe_thread.signal_blocked, wanted = blocked;
    sigset_t others;
    if (set) {
        others = *set; /* may be the same memory as before */
        bool named = sigismember(&others, timers_signal) == 1;
        wanted = how == SIG_SETMASK ? named : how == SIG_BLOCK ? blocked || named : blocked && !named;
        if (how != SIG_UNBLOCK)
            sigdelset(&others, timers_signal);
    }
    int error = change(how, set ? &others : NULL, before);
    if (error)
        return error;
    probe_thread.signal_blocked = wanted;
    if (before && blocked)
        sigaddset(before, timers_signal);
    return 0;
}

EXPORT int sigprocmask(int how, const sigset_t *restrict set, sigset_t *restrict before) {
    return change_mask(REAL(sigprocmask), how, set, before);
}

EXPORT int pthread_sigmask(int how, const sigset_t *restrict set, sigset_t *restrict before) {
    return change_mask(REAL(pthread_sigmask), how, set, before);
}

/* Run `wait_call` as a wait that the dump shows. */
#define WAITING(wait_call)                                                                                             \
    ({                                                                                                                 \
        struct unwind_registers caller_ = CALLER_REGISTERS();                                                          \
        struct segment_thread *record_ =                                                                               \
            probe.watching ? thread_wait_begin(SEGMENT_THREAD_SYSCALL, 0, 0, &caller_) : NULL;                         \
        __typeof__(wait_call) result_ = (wait_call);                                                                   \
        thread_wait_end(record_, /* timed_out= */ false);                                                              \
        result_;                                                                                                       \
    })

/* The next signal of the set that is not from our timers: these are pending in threads that block every signal. */
static int wait_for_signal(const sigset_t *set, siginfo_t *ret) {
    siginfo_t own;
    siginfo_t *info = ret ? ret : &own;
    int number;
    do
        number = REAL(sigwaitinfo)(set, info);
    while (number > 0 && tick_is_ours(info));
    return number;
}

EXPORT int sigwaitinfo(const sigset_t *restrict set, siginfo_t *restrict ret) {
    return WAITING(wait_for_signal(set, ret));
}

/* Never EINTR, as libc's; the error is returned and errno kept. */
static int wait_uninterrupted(const sigset_t *set, int *ret) {
    int saved_errno = errno, number, error;
    do
        number = wait_for_signal(set, NULL);
    while (number < 0 && errno == EINTR);
    error = errno;
    errno = saved_errno;
    if (number < 0)
        return error;
    *ret = number;
    return 0;
}

EXPORT int sigwait(const sigset_t *restrict set, int *restrict ret) {
    return WAITING(wait_uninterrupted(set, ret));
}

#define NS_PER_SECOND 1000000000

/* As wait_for_signal(), with what is left of the time. */
static int wait_for_signal_until(const sigset_t *set, siginfo_t *ret, const struct timespec *timeout) {
    siginfo_t own;
    siginfo_t *info = ret ? ret : &own;
    uint64_t began_ns = probe_now_ns();
    int number = REAL(sigtimedwait)(set, info, timeout);
    while (number > 0 && tick_is_ours(info)) {
        int64_t passed_ns = (int64_t)(probe_now_ns() - began_ns);
        struct timespec left = {.tv_sec = timeout->tv_sec - passed_ns / NS_PER_SECOND,
                                .tv_nsec = timeout->tv_nsec - passed_ns % NS_PER_SECOND};
        if (left.tv_nsec < 0) {
            left.tv_nsec += NS_PER_SECOND;
            left.tv_sec--;
        }
        number = REAL(sigtimedwait)(set, info, left.tv_sec < 0 ? &(struct timespec){0} : &left);
    }
    return number;
}

EXPORT int sigtimedwait(const sigset_t *restrict set, siginfo_t *restrict ret,
                        const struct timespec *restrict timeout) {
    return WAITING(timeout ? wait_for_signal_until(set, ret, timeout) : wait_for_signal(set, ret));
}
