/* Crashes with one thread waiting and one running: crash segv | abort | fork; fork: in a child, after which it waits.
 * crash overflow | overflow-thread: a stack that is used up, the main thread's or another one's. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int *volatile nowhere = (int *)64; /* read anew: the compiler sees no object of size 0 */

__attribute__((noinline)) static void *waits_for_the_lock(void *unused) {
    pthread_mutex_lock(&lock);
    return unused;
}

static volatile int spinning;

__attribute__((noinline, noreturn)) static void *spins(void *unused) {
    (void)unused;
    spinning = 1;
    for (;;)
        __asm__ volatile("");
}

__attribute__((noinline)) static void writes_to_nowhere(void) {
    *nowhere = 1;
    __asm__ volatile("");
}

static volatile unsigned limit = 1u << 31;

__attribute__((noinline)) static unsigned descends(unsigned n) {
    char frame[500];
    for (size_t i = 0; i < sizeof frame; i++)
        frame[i] = (char)(n + i);
    __asm__ volatile("" ::"r"(frame) : "memory");
    return n == limit ? 0 : descends(n + 1) + (unsigned)frame[n % sizeof frame];
}

static void *descends_in_a_thread(void *unused) {
    descends(0);
    return unused;
}

static void crash(const char *how) {
    pthread_t thread;
    pthread_mutex_lock(&lock);
    pthread_create(&thread, NULL, waits_for_the_lock, NULL);
    pthread_create(&thread, NULL, spins, NULL);
    do
        usleep(50000);
    while (!spinning);
    if (!strcmp(how, "abort"))
        abort();
    if (!strcmp(how, "overflow"))
        descends(0);
    if (!strcmp(how, "overflow-thread") && pthread_create(&thread, NULL, descends_in_a_thread, NULL) == 0)
        pthread_join(thread, NULL);
    writes_to_nowhere();
}

int main(int argc, char **argv) {
    if (argc < 2)
        return 2;
    if (strcmp(argv[1], "fork") != 0) {
        crash(argv[1]);
        return 0;
    }
    if (fork() == 0)
        crash(argv[1]);
    int status;
    wait(&status);
    printf("child: signal %d\n", WTERMSIG(status));
    return 3;
}
