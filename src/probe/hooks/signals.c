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

/* Of the program's actions that ask for an alternate stack, those that are kept from ours: a bit each (1 << number). */
static uint64_t withheld;

static bool change_withheld(int number, bool withhold) {
    uint64_t bit = number > 0 && number < 64 ? (uint64_t)1 << number : 0;
    uint64_t before = withhold ? __atomic_fetch_or(&withheld, bit, __ATOMIC_ACQ_REL)
                               : __atomic_fetch_and(&withheld, ~bit, __ATOMIC_ACQ_REL);
    return before & bit;
}

/* The program's own action, as sigaction(2). */
static int change_action(int number, const struct sigaction *action, struct sigaction *before) {
    if (!crash_signals || crash_stack_program_has_one())
        return REAL(sigaction)(number, action, before);
    struct sigaction wanted, was;
    bool withhold = action && action->sa_flags & SA_ONSTACK;
    if (action) {
        wanted = *action;
        wanted.sa_flags &= ~SA_ONSTACK;
    }
    int error = REAL(sigaction)(number, action ? &wanted : NULL, &was);
    if (error)
        return error;
    bool kept = action ? change_withheld(number, withhold) : __atomic_load_n(&withheld, __ATOMIC_ACQUIRE) >> number & 1;
    if (kept)
        was.sa_flags |= SA_ONSTACK;
    if (before)
        *before = was;
    return 0;
}

/* The program's first alternate stack: from now on its actions have the flag that they asked for. */
static void give_withheld(void) {
    for (int number = 1; number < 64; number++) {
        struct sigaction action;
        if (!change_withheld(number, false) || REAL(sigaction)(number, NULL, &action))
            continue;
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
    int error = to_default ? REAL(sigaction)(number, &ours, &was) : change_action(number, action, &was);
    if (error)
        return error;
    if (to_default && change_withheld(number, false))
        was.sa_flags |= SA_ONSTACK;
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
