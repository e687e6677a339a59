/* CPU time in known proportions: in each round thread `busy` burns 3 parts of what thread `idle` burns, then both rest;
 * thread `both` spends 3 parts in burn_three and 1 in burn_one. For each byte on standard input it says the time and
 * what each function has really used so far, in nanoseconds: busy, idle, three, one. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <time.h>

#include "target.h"

#define PART_NS 100000000u

static volatile uint64_t sink;
static pthread_barrier_t round_end;

static uint64_t read_ns(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

#define BURN(name)                                                                                                     \
    static _Atomic uint64_t name##_used_ns;                                                                            \
    NOINLINE static void burn_##name(uint64_t ns) {                                                                    \
        uint64_t start = read_ns(CLOCK_THREAD_CPUTIME_ID), last = start, now = start;                                  \
        for (; now - start < ns; last = now) {                                                                         \
            for (int i = 0; i < 20000; i++)                                                                            \
                sink += (uint64_t)i * 7;                                                                               \
            now = read_ns(CLOCK_THREAD_CPUTIME_ID);                                                                    \
            name##_used_ns += now - last;                                                                              \
        }                                                                                                              \
    }
BURN(busy)
BURN(idle)
BURN(three)
BURN(one)

static void end_round(void) {
    pthread_barrier_wait(&round_end);
    usleep(20000);
}

static void *run_busy(void *unused) {
    pthread_setname_np(pthread_self(), "busy");
    for (;; end_round())
        burn_busy(3 * PART_NS);
    return unused;
}

static void *run_idle(void *unused) {
    pthread_setname_np(pthread_self(), "idle");
    for (;; end_round())
        burn_idle(PART_NS);
    return unused;
}

static void *run_both(void *unused) {
    pthread_setname_np(pthread_self(), "both");
    for (;; burn_one(PART_NS))
        burn_three(3 * PART_NS);
    return unused;
}

int main(void) {
    void *(*const runs[])(void *) = {run_busy, run_idle, run_both};
    pthread_barrier_init(&round_end, NULL, 2);
    struct piko_profiling *profiling = target_start((struct piko_profiling_options){0});
    for (int i = 0; i < 3; i++) {
        pthread_t thread;
        pthread_create(&thread, NULL, runs[i], NULL);
    }
    target_ready();
    for (char byte; read(STDIN_FILENO, &byte, 1) > 0; fflush(stdout))
        printf("%lu %lu %lu %lu %lu\n", read_ns(CLOCK_REALTIME), busy_used_ns, idle_used_ns, three_used_ns,
               one_used_ns);
    piko_profiling_stop(profiling);
    _exit(0);
}
