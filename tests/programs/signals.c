/* Says which handlers a program finds and what reaches it: for programs that are run unchanged under a supervisor.
 * Prints "default" when no fatal signal has a handler and actions and alternate stacks are as the program made them, "ready", then a line for each signal that comes. SIGTERM ends it. */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

static char alternate[65536];
static volatile uintptr_t handler_at; /* address on the stack that the handler ran on */

static void look(int number) {
    char here;
    handler_at = (uintptr_t)&here;
    (void)number;
}

/* A handler that asks for an alternate stack runs on the thread's own while there is none, then on the one that was made. */
static int alternate_stacks_are_changed(void) {
    stack_t stack = {.ss_sp = alternate, .ss_size = sizeof alternate}, none = {.ss_flags = SS_DISABLE}, before;
    struct sigaction action = {.sa_handler = look, .sa_flags = SA_ONSTACK}, was;
    int changed = sigaltstack(NULL, &before) || !(before.ss_flags & SS_DISABLE);
    changed += sigaction(SIGUSR1, &action, NULL) || sigaction(SIGUSR1, NULL, &was) || !(was.sa_flags & SA_ONSTACK);
    raise(SIGUSR1);
    changed += (uintptr_t)&stack - handler_at >= sizeof alternate;
    changed += sigaltstack(&stack, &before) || !(before.ss_flags & SS_DISABLE);
    raise(SIGUSR1);
    changed += handler_at - (uintptr_t)alternate >= sizeof alternate;
    changed += sigaltstack(&none, &before) || before.ss_sp != alternate;
    changed += sigaltstack(NULL, &before) || !(before.ss_flags & SS_DISABLE);
    return changed;
}

static int mask_of_an_action_is_changed(void) {
    struct sigaction action = {.sa_handler = look}, was;
    sigset_t all;
    sigfillset(&all);
    action.sa_mask = all;
    if (sigaction(SIGUSR2, &action, NULL) || sigaction(SIGUSR2, NULL, &was))
        return 1;
    int missing = 0;
    for (int i = 1; i < 32; i++)
        missing += i != SIGKILL && i != SIGSTOP && sigismember(&was.sa_mask, i) != 1;
    return missing;
}

int main(void) {
    static const int fatal[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS, SIGPIPE};
    int handled = 0;
    sigset_t set;
    sigprocmask(SIG_SETMASK, NULL, &set);
    for (int i = 1; i < NSIG; i++)
        handled += sigismember(&set, i) == 1;
    for (size_t i = 0; i < sizeof fatal / sizeof *fatal; i++) {
        struct sigaction action;
        handled += sigaction(fatal[i], NULL, &action) != 0 || action.sa_handler != SIG_DFL;
    }
    handled += alternate_stacks_are_changed() + mask_of_an_action_is_changed();
    puts(handled ? "changed" : "default");
    sigemptyset(&set);
    for (int i = 1; i < 32; i++)
        if (i != SIGPROF && i != SIGSEGV)
            sigaddset(&set, i);
    sigprocmask(SIG_BLOCK, &set, NULL);
    puts("ready");
    fflush(stdout);
    for (int number = 0; number != SIGTERM; fflush(stdout))
        if (sigwait(&set, &number) == 0)
            printf("signal %d\n", number);
    return 5;
}
