/* Threads: many, cancelled, dying with destructors; locks of every kind. */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <string.h>
#include <sys/select.h>
#include <time.h>
#include <unistd.h>

#include "nasty.h"

/* ---- thread_storm ---- */
static void *short_life(void *data) {
    void *object = malloc(100);
    nasty_burn(20);
    free(object);
    return data;
}

void nasty_thread_storm(void) {
    for (int round = 0; round < 20 || nasty_more(); round++) {
        pthread_t threads[100];
        for (size_t i = 0; i < 100; i++)
            CHECK(pthread_create(&threads[i], NULL, short_life, (void *)i) == 0);
        for (size_t i = 0; i < 100; i++) {
            void *result;
            CHECK(pthread_join(threads[i], &result) == 0 && result == (void *)i);
        }
    }
}

/* ---- cancel ---- */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t never = PTHREAD_COND_INITIALIZER;
static sem_t semaphore, plenty;
static int pipe_ends[2];

static void unlock(void *data) {
    CHECK(pthread_mutex_unlock(data) == 0);
}

static void *waits_for_condition(void *unused) {
    (void)unused;
    pthread_mutex_lock(&mutex);
    pthread_cleanup_push(unlock, &mutex);
    for (;;)
        pthread_cond_wait(&never, &mutex);
    pthread_cleanup_pop(0);
    return NULL;
}

static void *waits_for_semaphore(void *unused) {
    (void)unused;
    sem_wait(&semaphore);
    return NULL;
}

/* sem_wait() is where a thread can be cancelled even when it need not wait. */
static void *never_waits_for_semaphore(void *unused) {
    (void)unused;
    for (int i = 0; i < 100000000; i++) {
        sem_wait(&plenty);
        sem_post(&plenty);
    }
    return NULL;
}

static void *reads(void *unused) {
    char byte;
    while (read(pipe_ends[0], &byte, 1)) {
    }
    return unused;
}

static void *sleeps(void *unused) {
    sleep(100);
    return unused;
}

void nasty_cancel(void) {
    static void *(*const bodies[])(void *) = {waits_for_condition, waits_for_semaphore, never_waits_for_semaphore,
                                              reads, sleeps};
    enum { N = sizeof bodies / sizeof *bodies };
    CHECK(sem_init(&semaphore, 0, 0) == 0 && sem_init(&plenty, 0, 1) == 0 && pipe(pipe_ends) == 0);
    do {
        pthread_t threads[N];
        for (int i = 0; i < N; i++)
            CHECK(pthread_create(&threads[i], NULL, bodies[i], NULL) == 0);
        nasty_burn(2000);
        for (int i = 0; i < N; i++)
            CHECK(pthread_cancel(threads[i]) == 0);
        for (int i = 0; i < N; i++) {
            void *result;
            CHECK(pthread_join(threads[i], &result) == 0 && result == PTHREAD_CANCELED);
        }
        CHECK(pthread_mutex_trylock(&mutex) == 0 && pthread_mutex_unlock(&mutex) == 0);
    } while (nasty_more());
}

/* ---- exit_keys ---- */
static pthread_key_t key;
static int destroyed;

static void destroy(void *object) {
    free(object);
    void *other = malloc(1000);
    pthread_mutex_lock(&mutex);
    destroyed++;
    nasty_burn(100);
    pthread_mutex_unlock(&mutex);
    nanosleep(&(struct timespec){.tv_nsec = 1000}, NULL);
    free(other);
}

static void *ends_with_destructor(void *data) {
    CHECK(pthread_setspecific(key, malloc(10)) == 0);
    if (data)
        pthread_exit(data);
    return NULL;
}

void nasty_exit_keys(void) {
    int made = 0;
    CHECK(pthread_key_create(&key, destroy) == 0);
    do {
        pthread_t threads[10];
        for (int i = 0; i < 10; i++)
            CHECK(pthread_create(&threads[i], NULL, ends_with_destructor, i % 2 ? &key : NULL) == 0);
        for (int i = 0; i < 10; i++)
            CHECK(pthread_join(threads[i], NULL) == 0);
        made += 10;
    } while (nasty_more());
    CHECK(destroyed == made);
}

/* ---- locks ---- */
static pthread_mutex_t make_mutex(int type, int robust, int protocol) {
    pthread_mutex_t made;
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    CHECK(pthread_mutexattr_settype(&attributes, type) == 0);
    CHECK(pthread_mutexattr_setrobust(&attributes, robust) == 0);
    CHECK(pthread_mutexattr_setprotocol(&attributes, protocol) == 0);
    CHECK(pthread_mutex_init(&made, &attributes) == 0);
    return made;
}

static pthread_mutex_t shared[4];
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static long count[5];

static void *counts(void *unused) {
    (void)unused;
    do {
        for (int i = 0; i < 4; i++) {
            CHECK(pthread_mutex_lock(&shared[i]) == 0);
            if (i == 0)
                CHECK(pthread_mutex_lock(&shared[i]) == 0);
            count[i]++;
            if (i == 0)
                CHECK(pthread_mutex_unlock(&shared[i]) == 0);
            CHECK(pthread_mutex_unlock(&shared[i]) == 0);
        }
        CHECK(pthread_rwlock_wrlock(&rwlock) == 0);
        count[4]++;
        CHECK(pthread_rwlock_unlock(&rwlock) == 0);
        __atomic_fetch_add((long *)unused, 1, __ATOMIC_RELAXED);
    } while (nasty_more());
    return NULL;
}

static void *dies_holding(void *data) {
    CHECK(pthread_mutex_lock(data) == 0);
    nasty_burn(1000);
    return NULL;
}

static struct timespec in_us(clockid_t clock, long us) {
    struct timespec time;
    clock_gettime(clock, &time);
    time.tv_nsec += us * 1000;
    time.tv_sec += time.tv_nsec / 1000000000;
    time.tv_nsec %= 1000000000;
    return time;
}

static void *cannot_get_it(void *data) {
    struct timespec deadline = in_us(CLOCK_REALTIME, 2000);
    CHECK(pthread_mutex_timedlock(data, &deadline) == ETIMEDOUT);
    deadline = in_us(CLOCK_REALTIME, 2000);
    CHECK(pthread_rwlock_timedrdlock(&rwlock, &deadline) == ETIMEDOUT);
    deadline = in_us(CLOCK_REALTIME, 2000);
    CHECK(sem_timedwait(&semaphore, &deadline) == -1 && errno == ETIMEDOUT);
    return NULL;
}

static void run(void *(*body)(void *), void *data) {
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, body, data) == 0 && pthread_join(thread, NULL) == 0);
}

static void robust_and_timed(void) {
    pthread_mutex_t robust = make_mutex(PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_ROBUST, PTHREAD_PRIO_NONE);
    run(dies_holding, &robust);
    CHECK(pthread_mutex_lock(&robust) == EOWNERDEAD && pthread_mutex_consistent(&robust) == 0);
    CHECK(pthread_rwlock_wrlock(&rwlock) == 0 && pthread_rwlock_rdlock(&rwlock) == EDEADLK);
    run(cannot_get_it, &robust);
    CHECK(pthread_rwlock_unlock(&rwlock) == 0 && pthread_mutex_unlock(&robust) == 0);
    run(dies_holding, &robust);
    CHECK(pthread_mutex_lock(&robust) == EOWNERDEAD && pthread_mutex_unlock(&robust) == 0);
    CHECK(pthread_mutex_lock(&robust) == ENOTRECOVERABLE && pthread_mutex_destroy(&robust) == 0);
    CHECK(pthread_mutex_lock(&shared[1]) == 0 && pthread_mutex_lock(&shared[1]) == EDEADLK);
    CHECK(pthread_mutex_unlock(&shared[1]) == 0 && pthread_mutex_unlock(&shared[1]) == EPERM);
}

/* ---- timed_waits: for what does not come, by every clock ---- */
static void *waits_in_vain(void *data) {
    pthread_mutex_t own = PTHREAD_MUTEX_INITIALIZER;
    CHECK(pthread_mutex_lock(&own) == 0);
    do {
        struct timespec real = in_us(CLOCK_REALTIME, 200), monotonic = in_us(CLOCK_MONOTONIC, 200);
        CHECK(pthread_mutex_timedlock(&mutex, &real) == ETIMEDOUT);
        CHECK(pthread_mutex_clocklock(&mutex, CLOCK_MONOTONIC, &monotonic) == ETIMEDOUT);
        real = in_us(CLOCK_REALTIME, 200);
        monotonic = in_us(CLOCK_MONOTONIC, 200);
        CHECK(pthread_cond_timedwait(&never, &own, &real) == ETIMEDOUT);
        CHECK(pthread_cond_clockwait(&never, &own, CLOCK_MONOTONIC, &monotonic) == ETIMEDOUT);
        real = in_us(CLOCK_REALTIME, 200);
        monotonic = in_us(CLOCK_MONOTONIC, 200);
        CHECK(pthread_rwlock_timedrdlock(&rwlock, &real) == ETIMEDOUT);
        CHECK(pthread_rwlock_clockwrlock(&rwlock, CLOCK_MONOTONIC, &monotonic) == ETIMEDOUT);
        real = in_us(CLOCK_REALTIME, 200);
        monotonic = in_us(CLOCK_MONOTONIC, 200);
        CHECK(sem_timedwait(&semaphore, &real) == -1 && errno == ETIMEDOUT);
        CHECK(sem_clockwait(&semaphore, CLOCK_MONOTONIC, &monotonic) == -1 && errno == ETIMEDOUT);
    } while (nasty_more());
    CHECK(pthread_mutex_unlock(&own) == 0);
    return data;
}

void nasty_timed_waits(void) {
    pthread_t threads[4];
    CHECK(sem_init(&semaphore, 0, 0) == 0 && pthread_mutex_lock(&mutex) == 0 && pthread_rwlock_wrlock(&rwlock) == 0);
    for (int i = 0; i < 4; i++)
        CHECK(pthread_create(&threads[i], NULL, waits_in_vain, NULL) == 0);
    for (int i = 0; i < 4; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    CHECK(pthread_mutex_unlock(&mutex) == 0 && pthread_rwlock_unlock(&rwlock) == 0);
}

void nasty_locks(void) {
    sem_init(&semaphore, 0, 0);
    shared[0] = make_mutex(PTHREAD_MUTEX_RECURSIVE, PTHREAD_MUTEX_STALLED, PTHREAD_PRIO_NONE);
    shared[1] = make_mutex(PTHREAD_MUTEX_ERRORCHECK, PTHREAD_MUTEX_STALLED, PTHREAD_PRIO_NONE);
    shared[2] = make_mutex(PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_ROBUST, PTHREAD_PRIO_INHERIT);
    shared[3] = make_mutex(PTHREAD_MUTEX_ADAPTIVE_NP, PTHREAD_MUTEX_STALLED, PTHREAD_PRIO_NONE);
    robust_and_timed();
    pthread_t threads[4];
    long rounds = 0;
    for (int i = 0; i < 4; i++)
        CHECK(pthread_create(&threads[i], NULL, counts, &rounds) == 0);
    for (int i = 0; i < 4; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    for (int i = 0; i < 5; i++)
        CHECK(count[i] == rounds);
}
