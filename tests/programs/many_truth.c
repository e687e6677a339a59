/* CPU time of threads that the kernel's tick hardly meets: `sleepers` burn 1 ms in every 20, `tasks` are threads that burn
 * 4 ms and end, two at a time. For each byte on standard input it says the time and what both have used so far, in
 * nanoseconds. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <time.h>

#include "target.h"

#define SLEEPERS 20

static volatile uint64_t sink;

static uint64_t read_ns(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

#define BURN(name)                                                                                                     \
    static _Atomic uint64_t name##_used_ns;                                                                            \
    NOINLINE static void burn_##name(uint64_t ns) {                                                                    \
        uint64_t start = read_ns(CLOCK_THREAD_CPUTIME_ID), now = start;                                                \
        for (; now - start < ns; now = read_ns(CLOCK_THREAD_CPUTIME_ID))                                               \
            for (int i = 0; i < 2000; i++)                                                                             \
                sink += (uint64_t)i * 7;                                                                               \
        name##_used_ns += now - start;                                                                                 \
    }
BURN(sleeper)
BURN(task)

static void *run_sleeper(void *unused) {
    for (;; usleep(20000))
        burn_sleeper(1000000);
    return unused;
}

static void *run_task(void *unused) {
    burn_task(4000000);
    sink++;
    return unused;
}

static void *run_tasks(void *unused) {
    for (;;) {
        pthread_t thread;
        pthread_create(&thread, NULL, run_task, NULL);
        pthread_join(thread, NULL);
        usleep(2000);
    }
    return unused;
}

int main(void) {
    struct piko_profiling *profiling = target_start((struct piko_profiling_options){0});
    pthread_t thread;
    for (int i = 0; i < SLEEPERS; i++)
        pthread_create(&thread, NULL, run_sleeper, NULL);
    pthread_create(&thread, NULL, run_tasks, NULL);
    target_ready();
    for (char byte; read(STDIN_FILENO, &byte, 1) > 0; fflush(stdout))
        printf("%lu %lu %lu\n", read_ns(CLOCK_REALTIME), sleeper_used_ns, task_used_ns);
    piko_profiling_stop(profiling);
    _exit(0);
}
