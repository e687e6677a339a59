/* What our hooks cost: small loops over hooked functions. `bench_hooks WORKLOAD` prints nanoseconds an operation, measured
 * in this process; built twice, alone and linked with libpiko (then with profiling on, at its defaults).
 * versus-bare runs the two in turns.
 *
 * Loops of one thread are measured in slices, and the fastest one counts: what else runs on the machine makes some of them
 * slower, none faster, and by more than what is to be measured. */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#ifdef WITH_PIKO
#include <piko/piko.h>
#endif

/* Each takes a second or so: threads of a short run may share a CPU for all of it. */
#define LIVE 1024
#define PAIRS 30000000
#define SLICES 100
#define LOCKS 500000 /* a slice */
#define SHARED_LOCKS 10000000
#define HELD_LOCKS 2000000
#define PINGS 60000

static double now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static volatile uint64_t sink;

/* 16 to 1024 bytes, a ring of LIVE objects: each turn frees the oldest and allocates a new one. */
static void *malloc_mix(void *unused) {
    void **live = calloc(LIVE, sizeof *live);
    uint64_t random = 88172645463325252ull;
    for (int i = 0; i < PAIRS; i++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        free(live[i % LIVE]);
        live[i % LIVE] = malloc(16 + random % 1009);
    }
    for (int i = 0; i < LIVE; i++)
        free(live[i]);
    free(live);
    return unused;
}

static double fastest(double (*slice)(void), int slices) {
    double best = slice();
    for (int i = 1; i < slices; i++) {
        double ns = slice();
        best = ns < best ? ns : best;
    }
    return best;
}

static double on_threads(int n, void *(*function)(void *), double operations) {
    pthread_t threads[8];
    double start = now_ns();
    for (int i = 0; i < n; i++)
        pthread_create(&threads[i], NULL, function, NULL);
    for (int i = 0; i < n; i++)
        pthread_join(threads[i], NULL);
    return (now_ns() - start) / operations;
}

static double malloc_1(void) {
    return on_threads(1, malloc_mix, PAIRS);
}

static double malloc_2(void) {
    return on_threads(2, malloc_mix, PAIRS);
}

/* A vector that grows to 100 MB by a half each time, then large zeroed blocks. */
static double growth_slice(void) {
    double start = now_ns();
    int operations = 0;
    char *vector = NULL;
    for (size_t size = 1000; size < 100000000; size += size / 2, operations++) {
        vector = realloc(vector, size);
        vector[size - 1] = 1;
    }
    free(vector);
    for (int i = 0; i < 20; i++, operations++) {
        char *block = calloc(1, 2000000);
        sink += (uint64_t)block[1999999];
        free(block);
    }
    return (now_ns() - start) / operations;
}

static double growth(void) {
    return fastest(growth_slice, SLICES);
}

static double mutex_slice(void) {
    double start = now_ns();
    for (int i = 0; i < LOCKS; i++) {
        pthread_mutex_lock(&mutex);
        pthread_mutex_unlock(&mutex);
    }
    return (now_ns() - start) / LOCKS;
}

static double mutex_alone(void) {
    return fastest(mutex_slice, SLICES);
}

static double rwlock_slice(void) {
    double start = now_ns();
    for (int i = 0; i < LOCKS; i++) {
        pthread_rwlock_rdlock(&rwlock);
        pthread_rwlock_unlock(&rwlock);
    }
    return (now_ns() - start) / LOCKS;
}

static double rwlock_alone(void) {
    return fastest(rwlock_slice, SLICES);
}

static void *lock_shortly(void *unused) {
    for (int i = 0; i < SHARED_LOCKS; i++) {
        pthread_mutex_lock(&mutex);
        sink++;
        pthread_mutex_unlock(&mutex);
    }
    return unused;
}

static double mutex_short(void) {
    return on_threads(2, lock_shortly, 2.0 * SHARED_LOCKS);
}

static void *lock_and_hold(void *unused) {
    for (int i = 0; i < HELD_LOCKS; i++) {
        pthread_mutex_lock(&mutex);
        for (int spin = 0; spin < 400; spin++)
            sink++;
        pthread_mutex_unlock(&mutex);
    }
    return unused;
}

static double mutex_held(void) {
    return on_threads(2, lock_and_hold, 2.0 * HELD_LOCKS);
}

static int pings[2], pongs[2];

static void *answer(void *unused) {
    char byte;
    for (int i = 0; i < PINGS; i++)
        if (read(pings[0], &byte, 1) != 1 || write(pongs[1], &byte, 1) != 1)
            abort();
    return unused;
}

/* Each read waits for the other thread. */
static double read_waits(void) {
    pthread_t thread;
    char byte = 0;
    if (pipe(pings) || pipe(pongs))
        return 0;
    pthread_create(&thread, NULL, answer, NULL);
    double start = now_ns();
    for (int i = 0; i < PINGS; i++)
        if (write(pings[1], &byte, 1) != 1 || read(pongs[0], &byte, 1) != 1)
            abort();
    double ns = (now_ns() - start) / (2.0 * PINGS);
    pthread_join(thread, NULL);
    return ns;
}

static const struct workload {
    const char *name;
    double (*run)(void);
} workloads[] = {
    {"malloc-1", malloc_1},       {"malloc-2", malloc_2},         {"growth", growth},
    {"mutex-alone", mutex_alone}, {"rwlock-alone", rwlock_alone}, {"mutex-short", mutex_short},
    {"mutex-held", mutex_held},   {"read-waits", read_waits},
};

/* libc takes a lock without atomic operations while the process has one thread; with profiling on it has more. */
static void *park(void *unused) {
    for (;;)
        pause();
    return unused;
}

int main(int argc, char **argv) {
    pthread_t parked;
    pthread_create(&parked, NULL, park, NULL);
#ifdef WITH_PIKO
    struct piko_profiling *profiling;
    if (piko_profiling_start(&(struct piko_profiling_options){.port = PIKO_ANY_PORT}, &profiling))
        return 1;
#endif
    for (size_t i = 0; argc == 2 && i < sizeof workloads / sizeof *workloads; i++)
        if (strcmp(argv[1], workloads[i].name) == 0)
            printf("%.2f\n", workloads[i].run());
#ifdef WITH_PIKO
    piko_profiling_stop(profiling);
#endif
    return 0;
}
