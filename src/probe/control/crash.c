#include "probe/control/crash.h"

#include <signal.h>
#include <stddef.h>

#include "probe/handler/crash.h"
#include "probe/handler/crash_stack.h"

static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS};
static const int requests[] = {SIGHUP,  SIGINT,  SIGQUIT, SIGPIPE,   SIGALRM, SIGTERM, SIGUSR1,
                               SIGUSR2, SIGXCPU, SIGXFSZ, SIGVTALRM, SIGPOLL, SIGPWR,  SIGSTKFLT};

/* Those that the program leaves to the default action. */
static void take(const int *signals, size_t n) {
    struct sigaction ours = {.sa_sigaction = crash_handler, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigfillset(&ours.sa_mask);
    uint64_t taken = 0;
    for (size_t i = 0; i < n; i++) {
        struct sigaction before;
        taken |= (uint64_t)1 << signals[i];
        if (sigaction(signals[i], NULL, &before) == 0 && before.sa_handler == SIG_DFL)
            sigaction(signals[i], &ours, NULL);
    }
    crash_signals |= taken;
    crash_stack_begin();
}

void crash_init(void) {
    if (!crash_is_ours(faults[0]))
        take(faults, sizeof faults / sizeof *faults);
}

void crash_init_for_all_ends(void) {
    crash_init();
    if (!crash_is_ours(requests[0]))
        take(requests, sizeof requests / sizeof *requests);
}
