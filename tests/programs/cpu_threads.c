/* cpu_threads BURN/SLEEP…: one thread for each argument, called "0", "1", …, which burns and sleeps so many ms of CPU and of
 * time in turn. For each byte on standard input it says when it is (CLOCK_REALTIME) and what CPU time each thread has used
 * so far, in nanoseconds. */
#include <pthread.h>
#include <stdint.h>
#include <time.h>

#include "target.h"

#define THREADS_MAX 128

static struct {
    pthread_t thread;
    uint64_t burn_ns, sleep_ns;
} threads[THREADS_MAX];
static int n_threads;

static uint64_t read_clock(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

NOINLINE static void burn(uint64_t ns) {
    static volatile uint64_t sink;
    uint64_t start = read_clock(CLOCK_THREAD_CPUTIME_ID);
    do {
        for (int i = 0; i < 20000; i++)
            sink = sink + (uint64_t)i * 7;
    } while (read_clock(CLOCK_THREAD_CPUTIME_ID) - start < ns);
}

static void *run(void *data) {
    int i = (int)(intptr_t)data;
    char name[16];
    snprintf(name, sizeof name, "%d", i);
    pthread_setname_np(pthread_self(), name);
    for (;;) {
        burn(threads[i].burn_ns);
        if (threads[i].sleep_ns)
            nanosleep(&(struct timespec){.tv_nsec = (long)threads[i].sleep_ns}, NULL);
    }
    return data;
}

static void say_what_was_used(void) {
    printf("%lu", read_clock(CLOCK_REALTIME));
    for (int i = 0; i < n_threads; i++) {
        clockid_t clock;
        pthread_getcpuclockid(threads[i].thread, &clock);
        printf(" %lu", read_clock(clock));
    }
    printf("\n");
    fflush(stdout);
}

int main(int argc, char **argv) {
    struct piko_profiling *profiling = target_start((struct piko_profiling_options){0});
    for (; n_threads + 1 < argc && n_threads < THREADS_MAX; n_threads++) {
        char *rest;
        threads[n_threads].burn_ns = strtoull(argv[n_threads + 1], &rest, 10) * 1000000u;
        threads[n_threads].sleep_ns = strtoull(rest + 1, NULL, 10) * 1000000u;
        if (pthread_create(&threads[n_threads].thread, NULL, run, (void *)(intptr_t)n_threads))
            return 1;
    }
    target_ready();
    for (char byte; read(STDIN_FILENO, &byte, 1) > 0;)
        say_what_was_used();
    piko_profiling_stop(profiling);
    _exit(0);
}
