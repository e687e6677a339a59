/* Hangs: stuck malloc | handler. One thread has an allocator's locks and spins, or spins in a signal handler that blocks all
 * others; a second one waits. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

__attribute__((noinline)) static void gets_stuck(int number) {
    (void)number;
    static const char word[] = "stuck\n";
    if (write(STDOUT_FILENO, word, sizeof word - 1) < 0)
        _exit(1);
    for (;;)
        __asm__ volatile("");
}

/* libc takes all locks of its allocator for a fork, and then calls this. */
static void before_fork(void) {
    gets_stuck(0);
}

__attribute__((noinline)) static void *waits(void *unused) {
    pthread_mutex_lock(&lock);
    return unused;
}

int main(int argc, char **argv) {
    pthread_t thread;
    struct sigaction action = {.sa_handler = gets_stuck};
    sigfillset(&action.sa_mask);
    if (argc < 2)
        return 2;
    pthread_mutex_lock(&lock);
    pthread_create(&thread, NULL, waits, NULL);
    usleep(50000);
    if (!strcmp(argv[1], "handler")) {
        sigaction(SIGUSR1, &action, NULL);
        raise(SIGUSR1);
    }
    pthread_atfork(before_fork, NULL, NULL);
    return fork() < 0;
}
