/* hold() keeps a mutex for 100 ms while three threads wait for it in wait_for_it(). */
#include <pthread.h>

#include "target.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_barrier_t barrier;

NOINLINE static void hold(void) {
    pthread_mutex_lock(&mutex);
    pthread_barrier_wait(&barrier);
    usleep(100000);
    pthread_mutex_unlock(&mutex);
    *(volatile int *)&(int){0} = 1; /* so that the unlock is a call, not a jump out of this function */
}

NOINLINE static void wait_for_it(void) {
    pthread_mutex_lock(&mutex);
    pthread_mutex_unlock(&mutex);
    *(volatile int *)&(int){0} = 1;
}

static void *holder(void *unused) {
    hold();
    return unused;
}

static void *waiter(void *unused) {
    pthread_barrier_wait(&barrier);
    wait_for_it();
    return unused;
}

int main(void) {
    pthread_t threads[4];
    pthread_barrier_init(&barrier, NULL, 4);
    struct piko_profiling *profiling =
        target_start((struct piko_profiling_options){.mutex_fraction = 1, .block_rate_ns = 1});
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, i ? waiter : holder, NULL);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    target_wait();
    return piko_profiling_stop(profiling);
}
