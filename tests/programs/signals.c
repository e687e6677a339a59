/* Says which handlers a program finds and what reaches it: for programs that are run unchanged under a supervisor.
 * Prints "default" when no fatal signal has a handler, "ready", then a line for each signal that comes. SIGTERM ends it. */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

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
