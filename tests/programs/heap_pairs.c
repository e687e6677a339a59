/* heap_pairs RATE PAIRS LIVE LIVE_BYTES: four threads allocate and free PAIRS small objects in all, some of them each other's,
 * while LIVE objects of LIVE_BYTES are made between them and stay. */
#include <pthread.h>
#include <stdint.h>

#include "target.h"

#define THREADS 4
#define SLOTS 64
#define PASSED_ON 16 /* one in so many is freed by another thread */

static uint64_t pairs;
static void *slots[SLOTS];

NOINLINE static void *allocate_small(size_t size) {
    void *object = malloc(size);
    __asm__ volatile("" : "+r"(object)); /* behind the call, so that it is no jump */
    return object;
}

NOINLINE static void *allocate_live(size_t size) {
    char *object = malloc(size);
    *(volatile char *)object = 1;
    return object;
}

static void *run(void *data) {
    uint32_t random = (uint32_t)(uintptr_t)data;
    for (uint64_t i = 0; i < pairs / THREADS; i++) {
        random = random * 1664525 + 1013904223;
        void *object = allocate_small(16 + (random >> 24));
        if (i % PASSED_ON == 0)
            object = __atomic_exchange_n(&slots[random >> 16 & (SLOTS - 1)], object, __ATOMIC_ACQ_REL);
        free(object);
    }
    return NULL;
}

int main(int argc, char **argv) {
    if (argc != 5)
        return 2;
    pairs = strtoull(argv[2], NULL, 10);
    size_t n_live = strtoull(argv[3], NULL, 10), live_bytes = strtoull(argv[4], NULL, 10);
    struct piko_profiling *profiling =
        target_start((struct piko_profiling_options){.mem_profile_rate_bytes = atoll(argv[1])});
    pthread_t threads[THREADS];
    for (uintptr_t i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, run, (void *)(i + 1)))
            return 1;
    for (size_t i = 0; i < n_live; i++) {
        allocate_live(live_bytes);
        usleep(100);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < SLOTS; i++)
        free(slots[i]);
    target_wait();
    return piko_profiling_stop(profiling);
}
