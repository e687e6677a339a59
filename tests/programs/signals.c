/* Says which handlers a program finds and what reaches it: for programs that are run unchanged under a supervisor.
 * Prints "default" when no fatal signal has a handler and actions and alternate stacks are as the program made them, "ready", then a line for each signal that comes. SIGTERM ends it.
 * With "races" as its argument it changes actions in two threads at once, says how often that went wrong, and ends. */
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define RACES 40

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

static void look_too(int number) {
    look(number);
}

static int asks_for_stack(int number) {
    struct sigaction action;
    return sigaction(number, NULL, &action) == 0 && action.sa_flags & SA_ONSTACK;
}

/* What the child of a vfork does to its signals, as code that starts programs does, is nothing to its parent. */
static int a_child_changes_its_parents(void) {
    struct sigaction action = {.sa_handler = look, .sa_flags = SA_ONSTACK};
    sigset_t all, before = {0}, after = {0};
    int number;
    sigfillset(&all);
    if (sigaction(SIGUSR1, &action, NULL) || sigprocmask(SIG_SETMASK, NULL, &before))
        return 1;
    pid_t child = vfork();
    if (child == 0) {
        stack_t stack = {.ss_sp = alternate, .ss_size = sizeof alternate};
        for (number = 1; number < 32; number++)
            signal(number, SIG_DFL);
        sigaltstack(&stack, NULL);
        sigprocmask(SIG_SETMASK, &all, NULL);
        _exit(1);
    }
    int changed = child < 0 || waitpid(child, &number, 0) != child || !WIFEXITED(number) || WEXITSTATUS(number) != 1;
    raise(SIGUSR1);
    changed += handler_at - (uintptr_t)alternate < sizeof alternate;
    return changed + !asks_for_stack(SIGUSR1) + (sigprocmask(SIG_SETMASK, NULL, &after) != 0) +
           (memcmp(&before, &after, sizeof before) != 0);
}

#pragma GCC diagnostic ignored "-Wdeprecated-declarations" /* which is what they are tested for */
sighandler_t bsd_signal(int number, sighandler_t handler); /* no longer in the headers */

/* An action that was made in one of the older ways is that action, and the one before it what it was. */
static int older_ways_see_others(void) {
    static sighandler_t (*const ways[])(int, sighandler_t) = {signal,      bsd_signal,    ssignal,
                                                              sysv_signal, __sysv_signal, sigset};
    int wrong = 0;
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        struct sigaction action = {.sa_handler = look, .sa_flags = SA_ONSTACK}, was;
        sigfillset(&action.sa_mask);
        wrong += sigaction(SIGUSR1, &action, NULL) || !asks_for_stack(SIGUSR1);
        action.sa_flags = 0;
        wrong += sigaction(SIGUSR2, &action, NULL) != 0;
        wrong += ways[i](SIGUSR1, look_too) != look || asks_for_stack(SIGUSR1);
        wrong += ways[i](SIGUSR2, look_too) != look || sigaction(SIGUSR2, NULL, &was) || was.sa_handler != look_too ||
                 sigismember(&was.sa_mask, SIGPROF);
        wrong += ways[i](SIGSEGV, look) != SIG_DFL || ways[i](SIGSEGV, SIG_DFL) != look ||
                 ways[i](SIGSEGV, SIG_DFL) != SIG_DFL;
        wrong += ways[i](SIGPROF, look) != SIG_DFL || ways[i](SIGPROF, SIG_DFL) != look;
    }
    wrong += sigignore(SIGBUS) || signal(SIGBUS, SIG_DFL) != SIG_IGN;
    signal(SIGUSR1, SIG_DFL);
    signal(SIGUSR2, SIG_DFL);
    return wrong;
}

static int over, begun; /* A */
static int stale;

static void *changes_actions(void *unused) {
    for (int round = 0; !__atomic_load_n(&over, __ATOMIC_ACQUIRE); round++)
        for (int number = SIGRTMIN; number < SIGRTMAX - 2; number++) {
            struct sigaction action = {.sa_handler = round % 2 ? look : look_too, .sa_flags = SA_ONSTACK}, was;
            sigaction(number, &action, NULL);
            sigaction(number, NULL, &was);
            stale += was.sa_handler != action.sa_handler || !(was.sa_flags & SA_ONSTACK);
            __atomic_store_n(&begun, 1, __ATOMIC_RELEASE);
        }
    return unused;
}

/* One thread makes the process's first alternate stack while another one changes actions. 0 = these are as it made them. */
static int race(void) {
    pthread_t thread;
    stack_t stack = {.ss_sp = alternate, .ss_size = sizeof alternate};
    if (pthread_create(&thread, NULL, changes_actions, NULL))
        return 1;
    while (!__atomic_load_n(&begun, __ATOMIC_ACQUIRE))
        usleep(50);
    int error = sigaltstack(&stack, NULL);
    __atomic_store_n(&over, 1, __ATOMIC_RELEASE);
    return error || pthread_join(thread, NULL) || stale;
}

static int races(void) {
    int lost = 0, status;
    for (int i = 0; i < RACES; i++) {
        pid_t child = fork();
        if (child == 0)
            _exit(race());
        lost += waitpid(child, &status, 0) != child || status != 0;
    }
    printf("%d races lost\n", lost);
    return lost != 0;
}

int main(int argc, char **argv) {
    if (argc == 2 && !strcmp(argv[1], "races"))
        return races();
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
    handled += a_child_changes_its_parents() + older_ways_see_others();
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
