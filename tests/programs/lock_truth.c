/* hold() keeps a lock for 100 ms while three threads wait for it in wait_for_it(): a mutex of pthreads, or with an argument
 * one that is made of futex(2), as Rust's are. At its end it prints, in ns and summed up over the three, how long they waited
 * until hold() let go, and until they had the lock. */
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>

#include "target.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static _Atomic uint32_t word;
static bool by_futex;
static pthread_barrier_t barrier;
static long long let_go;
static _Atomic long long came, got; /* sums over the waiters */

static long long now_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static inline __attribute__((always_inline)) void lock(void) {
    if (!by_futex) {
        pthread_mutex_lock(&mutex);
        return;
    }
    uint32_t free_word = 0;
    if (!atomic_compare_exchange_strong(&word, &free_word, 1))
        while (atomic_exchange(&word, 2) != 0)
            syscall(SYS_futex, &word, FUTEX_WAIT_BITSET_PRIVATE, 2, NULL, NULL, (long)FUTEX_BITSET_MATCH_ANY);
}

static inline __attribute__((always_inline)) void unlock(void) {
    if (!by_futex)
        pthread_mutex_unlock(&mutex);
    else if (atomic_exchange(&word, 0) == 2)
        syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0L);
}

NOINLINE static void hold(void) {
    lock();
    pthread_barrier_wait(&barrier);
    usleep(100000);
    let_go = now_ns();
    unlock();
    *(volatile int *)&(int){0} = 1; /* so that the unlock is a call, not a jump out of this function */
}

NOINLINE static void wait_for_it(void) {
    came += now_ns();
    lock();
    got += now_ns();
    unlock();
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

int main(int argc, char **argv) {
    (void)argv;
    by_futex = argc > 1;
    pthread_t threads[4];
    pthread_barrier_init(&barrier, NULL, 4);
    struct piko_profiling *profiling =
        target_start((struct piko_profiling_options){.mutex_fraction = 1, .block_rate_ns = 1});
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, i ? waiter : holder, NULL);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    target_wait();
    printf("%lld %lld\n", 3 * let_go - came, got - came);
    return piko_profiling_stop(profiling);
}
