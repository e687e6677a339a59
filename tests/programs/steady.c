/* Four threads, "worker-0" and so on, which do the same all the time: allocate, free, use the CPU, and contend for a lock.
 * At the end it prints how many rounds they did. */
#include <pthread.h>
#include <stdint.h>

#include "target.h"

#define WORKERS 4

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static volatile uint64_t sink, rounds; /* rounds: with the mutex */

NOINLINE static void use_cpu(unsigned steps) {
    for (unsigned i = 0; i < steps; i++)
        sink = sink + i;
}

NOINLINE static void *allocate_steadily(void) {
    char *object = malloc(4000);
    *(volatile char *)object = 1;
    return object;
}

static void *work(void *data) {
    char name[16];
    snprintf(name, sizeof name, "worker-%d", (int)(intptr_t)data);
    pthread_setname_np(pthread_self(), name);
    for (;;) {
        free(allocate_steadily());
        use_cpu(3000);
        pthread_mutex_lock(&mutex);
        use_cpu(1000);
        rounds = rounds + 1;
        pthread_mutex_unlock(&mutex);
    }
    return NULL;
}

int main(void) {
    struct piko_profiling *profiling = target_start((struct piko_profiling_options){0});
    for (intptr_t i = 0; i < WORKERS; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, work, (void *)i))
            return 1;
    }
    target_wait();
    printf("rounds %llu\n", (unsigned long long)rounds);
    fflush(stdout);
    piko_profiling_stop(profiling);
    _exit(0);
}
