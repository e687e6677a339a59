/* Waits in a signal handler on an alternate stack; with an argument, having interrupted a coroutine. */
#include <signal.h>
#include <ucontext.h>

#include "target.h"

static ucontext_t outside, coroutine;
static volatile int after;

NOINLINE static void wait_in_handler(int signal) {
    (void)signal;
    target_wait();
    after = 1;
}

NOINLINE static void interrupted_function(void) {
    raise(SIGUSR1);
    after = 1;
}

int main(int argc, char **argv) {
    (void)argv;
    struct piko_profiling *profiling = target_start((struct piko_profiling_options){0});
    struct sigaction action = {.sa_handler = wait_in_handler, .sa_flags = SA_ONSTACK};
    stack_t stack = {.ss_sp = malloc(1 << 16), .ss_size = 1 << 16};
    if (sigaltstack(&stack, NULL) || sigaction(SIGUSR1, &action, NULL))
        return 1;
    if (argc > 1) {
        getcontext(&coroutine);
        coroutine.uc_stack.ss_sp = malloc(1 << 16);
        coroutine.uc_stack.ss_size = 1 << 16;
        coroutine.uc_link = &outside;
        makecontext(&coroutine, interrupted_function, 0);
        swapcontext(&outside, &coroutine);
    } else {
        interrupted_function();
    }
    piko_profiling_stop(profiling);
    _exit(0);
}
