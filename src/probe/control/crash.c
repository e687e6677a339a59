#include "probe/control/crash.h"

#include <signal.h>
#include <stddef.h>

#include "probe/handler/crash.h"
#include "probe/handler/crash_stack.h"

void crash_init(void) {
    static const int fatal[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS};
    if (crash_signals)
        return;
    struct sigaction ours = {.sa_sigaction = crash_handler, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigfillset(&ours.sa_mask);
    uint64_t taken = 0;
    for (size_t i = 0; i < sizeof fatal / sizeof *fatal; i++) {
        struct sigaction before;
        taken |= (uint64_t)1 << fatal[i];
        if (sigaction(fatal[i], NULL, &before) == 0 && before.sa_handler == SIG_DFL)
            sigaction(fatal[i], &ours, NULL);
    }
    crash_signals = taken;
    crash_stack_begin();
}
