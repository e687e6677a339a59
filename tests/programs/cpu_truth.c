/* CPU time in known proportions: in each round thread `busy` burns 3 parts of what thread `idle` burns, then both rest;
 * thread `both` spends 3 parts in burn_three and 1 in burn_one. Prints the CPU time that each has really used when standard input ends. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "target.h"

static atomic_int stop, last_round;
static volatile uint64_t sink;

static uint64_t thread_cpu_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

#define BURN(name)                                                                                                     \
    NOINLINE static void name(uint64_t ns) {                                                                           \
        for (uint64_t start = thread_cpu_ns(); thread_cpu_ns() - start < ns && !stop;)                                 \
            for (int i = 0; i < 20000; i++)                                                                            \
                sink += (uint64_t)i * 7;                                                                               \
        sink++;                                                                                                        \
    }
BURN(burn_busy)
BURN(burn_idle)
BURN(burn_three)
BURN(burn_one)

struct job {
    const char *name;
    void (*first)(uint64_t ns), (*second)(uint64_t ns);
    uint64_t first_ns, second_ns;
    pthread_barrier_t *round;
    bool decides; /* whether this is the last round */
    uint64_t used_ns[2];
};

static void *run(void *data) {
    struct job *job = data;
    pthread_setname_np(pthread_self(), job->name);
    while (!stop || job->round) {
        uint64_t start = thread_cpu_ns();
        job->first(job->first_ns);
        uint64_t middle = thread_cpu_ns();
        job->used_ns[0] += middle - start;
        if (job->second)
            job->second(job->second_ns);
        job->used_ns[1] += thread_cpu_ns() - middle;
        if (!job->round)
            continue;
        if (job->decides)
            last_round = stop;
        usleep(20000);
        pthread_barrier_wait(job->round);
        bool last = last_round;
        pthread_barrier_wait(job->round); /* both have read it */
        if (last)
            break;
    }
    return NULL;
}

int main(void) {
    pthread_barrier_t round;
    pthread_barrier_init(&round, NULL, 2);
    struct job jobs[] = {
        {"busy", burn_busy, NULL, 75000000, 0, &round, true, {0}},
        {"idle", burn_idle, NULL, 25000000, 0, &round, false, {0}},
        {"both", burn_three, burn_one, 73000000, 24333333, NULL, false, {0}},
    };
    struct piko_profiling *profiling = target_start((struct piko_profiling_options){0});
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, run, &jobs[i]);
    target_wait();
    stop = 1;
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < 3; i++)
        printf("%s %lu %lu\n", jobs[i].name, (unsigned long)jobs[i].used_ns[0], (unsigned long)jobs[i].used_ns[1]);
    return piko_profiling_stop(profiling);
}
