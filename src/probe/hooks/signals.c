/* Signals: the one that our timers send is none of the program's. It is not told of it by the calls that wait for signals,
 * and it can give the same signal an action of its own without ending ours: a timer's late signal would meet the default
 * action, which kills, or count as the program's. */
#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>

#include "probe/handler/crash.h"
#include "probe/handler/crash_stack.h"
#include "probe/handler/probe.h"
#include "probe/handler/thread.h"
#include "probe/handler/tick.h"
#include "probe/handler/timers.h"
#include "probe/hooks/real.h"

#define EXPORT __attribute__((visibility("default")))

EXPORT sighandler_t bsd_signal(int number, sighandler_t handler); /* no longer in the headers */

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

/* An action and what is known of it change together. With every signal blocked: a handler may do the same. */
static uint64_t begin_change(void) {
    uint64_t all = ~(uint64_t)0, before = 0;
    uint32_t *lock = &probe.actions_change, seen;
    REAL(syscall)(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before, sizeof all);
    while ((seen = __atomic_exchange_n(lock, 1, __ATOMIC_ACQUIRE)) != 0)
        REAL(syscall)(SYS_futex, lock, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0L);
    return before;
}

static void end_change(uint64_t before) {
    int saved_errno = errno;
    __atomic_store_n(&probe.actions_change, 0, __ATOMIC_RELEASE);
    REAL(syscall)(SYS_futex, &probe.actions_change, FUTEX_WAKE_PRIVATE, 1L, NULL, NULL, 0L);
    REAL(syscall)(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, sizeof before);
    errno = saved_errno;
}

/* Not on an alternate stack, which may have no room for a second signal. */
static bool may_let_in(const struct sigaction *action) {
    return timers_signal && !(action->sa_flags & SA_ONSTACK) && tick_is_handler(action) &&
           !tick_is_handler(&tick_program_action) && sigismember(&action->sa_mask, timers_signal) == 1;
}

static bool must_withhold(const struct sigaction *action) {
    return action->sa_flags & SA_ONSTACK && crash_signals && !crash_stack_program_has_one();
}

/* What the program is told of what the kernel has: a program without a handler of its own for a fatal signal has ours, and
 * the default action as far as it knows. */
static void describe(int number, struct sigaction *action) {
    if (action->sa_flags & SA_SIGINFO && action->sa_sigaction == crash_handler)
        *action = (struct sigaction){.sa_handler = SIG_DFL};
    else if (action->sa_flags & SA_SIGINFO && action->sa_sigaction == tick_handler)
        *action = tick_program_action;
    if (has_bit(&withheld, number))
        action->sa_flags |= SA_ONSTACK;
    if (has_bit(&let_in, number))
        sigaddset(&action->sa_mask, timers_signal);
}

/* Between begin_change() and end_change(). */
static int look_at_action(int number, struct sigaction *ret) {
    int error = REAL(sigaction)(number, NULL, ret);
    describe(number, ret);
    return error;
}

/* The same. Where the program goes back to the default action for a fatal signal, ours takes its place. */
static int change_action(int number, const struct sigaction *action, struct sigaction *ret) {
    struct sigaction wanted = *action;
    bool to_ours = crash_is_ours(number) && action->sa_handler == SIG_DFL;
    bool withhold = !to_ours && must_withhold(action), let = !to_ours && may_let_in(action);
    if (to_ours) {
        wanted = (struct sigaction){.sa_sigaction = crash_handler, .sa_flags = SA_SIGINFO | SA_ONSTACK};
        sigfillset(&wanted.sa_mask);
    }
    if (withhold)
        wanted.sa_flags &= ~SA_ONSTACK;
    if (let)
        sigdelset(&wanted.sa_mask, timers_signal);
    int error = REAL(sigaction)(number, &wanted, ret);
    if (error)
        return error;
    describe(number, ret);
    change_bit(&withheld, number, withhold);
    change_bit(&let_in, number, let);
    return 0;
}

/* Of our signal: what the program wants done with others of that number. */
static int change_program_action(const struct sigaction *action, struct sigaction *ret) {
    *ret = tick_program_action;
    if (!action)
        return 0;
    tick_program_action = *action;
    return install_for_program(action);
}

/* As sigaction(2) does for a program without us; the two may be the same memory. */
static int change(int number, const struct sigaction *action, struct sigaction *before) {
    bool ours = timers_signal && number == timers_signal;
    bool apart = ours || crash_is_ours(number) || has_bit(&withheld, number) || has_bit(&let_in, number) ||
                 (action && (must_withhold(action) || may_let_in(action)));
    if (likely(!apart))
        return REAL(sigaction)(number, action, before);
    struct sigaction was = {0};
    int error;
    if (probe_is_another_process()) {
        error = REAL(sigaction)(number, action, &was);
        describe(number, &was);
    } else {
        uint64_t mask = begin_change();
        error = ours      ? change_program_action(action, &was)
                : !action ? look_at_action(number, &was)
                          : change_action(number, action, &was);
        end_change(mask);
    }
    if (before && !error)
        *before = was;
    return error;
}

EXPORT int sigaction(int number, const struct sigaction *restrict action, struct sigaction *restrict before) {
    return change(number, action, before);
}

/* The program's first alternate stack: from now on its actions have the flag that they asked for. */
static void give_withheld(void) {
    uint64_t mask = begin_change();
    for (int number = 1; number < 64; number++) {
        struct sigaction action;
        if (!has_bit(&withheld, number) || REAL(sigaction)(number, NULL, &action))
            continue;
        action.sa_flags |= SA_ONSTACK;
        REAL(sigaction)(number, &action, NULL);
        change_bit(&withheld, number, false);
    }
    end_change(mask);
}

EXPORT int sigaltstack(const stack_t *restrict wanted, stack_t *restrict before) {
    bool had_one = crash_stack_program_has_one();
    int error = crash_stack_change(wanted, before);
    if (!had_one && crash_stack_program_has_one())
        give_withheld();
    return error;
}

/* ---- Older ways to the same, whose own go past sigaction() */

static sighandler_t set_handler(int number, sighandler_t handler, int flags, bool itself_blocked) {
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags}, before;
    if (handler == SIG_ERR) {
        errno = EINVAL;
        return SIG_ERR;
    }
    if (itself_blocked)
        sigaddset(&action.sa_mask, number);
    return change(number, &action, &before) ? SIG_ERR : before.sa_handler;
}

/* libc's own, which knows whether calls go on after that signal (siginterrupt), where nothing is kept of it here. */
EXPORT sighandler_t signal(int number, sighandler_t handler) {
    if (likely((!timers_signal || number != timers_signal) && !crash_is_ours(number) && !has_bit(&withheld, number) &&
               !has_bit(&let_in, number)))
        return REAL(signal)(number, handler);
    return set_handler(number, handler, SA_RESTART, /* itself_blocked= */ true);
}

EXPORT sighandler_t bsd_signal(int number, sighandler_t handler) {
    return signal(number, handler);
}

EXPORT sighandler_t ssignal(int number, sighandler_t handler) {
    return signal(number, handler);
}

EXPORT sighandler_t __sysv_signal(int number, sighandler_t handler) {
    return set_handler(number, handler, (int)SA_RESETHAND | SA_NODEFER, /* itself_blocked= */ false);
}

EXPORT sighandler_t sysv_signal(int number, sighandler_t handler) {
    return __sysv_signal(number, handler);
}

EXPORT int sigignore(int number) {
    return set_handler(number, SIG_IGN, 0, /* itself_blocked= */ false) == SIG_ERR ? -1 : 0;
}

/* Blocked or not is part of the disposition there. */
EXPORT sighandler_t sigset(int number, sighandler_t disposition) {
    sigset_t itself, mask;
    struct sigaction before;
    sigemptyset(&itself);
    if (disposition == SIG_ERR || sigaddset(&itself, number)) {
        errno = EINVAL;
        return SIG_ERR;
    }
    bool hold = disposition == SIG_HOLD;
    struct sigaction action = {.sa_handler = disposition};
    if (change(number, hold ? NULL : &action, &before) || sigprocmask(hold ? SIG_BLOCK : SIG_UNBLOCK, &itself, &mask))
        return SIG_ERR;
    return sigismember(&mask, number) == 1 ? SIG_HOLD : before.sa_handler;
}

/* A thread that blocks every signal is to be seen all the same; it is told what it wants to hear. Not while the program
 * has a handler for that signal, which it may have blocked for good reason. */
static int change_mask(__typeof__(sigprocmask) *change_kernels, int how, const sigset_t *set, sigset_t *before) {
    if (!timers_signal || probe_thread.own || tick_is_handler(&tick_program_action))
        return change_kernels(how, set, before);
    bool blocked = probe_thread.signal_blocked, wanted = blocked;
    sigset_t others;
    if (set) {
        others = *set; /* may be the same memory as before */
        bool named = sigismember(&others, timers_signal) == 1;
        wanted = how == SIG_SETMASK ? named : how == SIG_BLOCK ? blocked || named : blocked && !named;
        if (how != SIG_UNBLOCK)
            sigdelset(&others, timers_signal);
    }
    bool another = (wanted || blocked) && probe_is_another_process();
    int error = change_kernels(how, set && another ? set : set ? &others : NULL, before);
    if (error)
        return error;
    if (!another)
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
