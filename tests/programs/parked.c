/* One thread in each kind of wait, each in a function named after it. */
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>

#include "target.h"

static pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER, mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t barrier;
static pthread_t joined;
static sem_t semaphore;
static uint32_t word;
static int pipe_fds[2], epoll_fd;
static volatile uint64_t sink;
static volatile int after; /* written behind each call, so that none of them is a jump */

NOINLINE static void park_mutex(void) {
    pthread_mutex_lock(&held);
    after = 1;
}

NOINLINE static void park_rwlock(void) {
    pthread_rwlock_rdlock(&rwlock);
    after = 1;
}

NOINLINE static void park_cond(void) {
    pthread_mutex_lock(&mutex);
    for (;;)
        pthread_cond_wait(&condition, &mutex);
}

NOINLINE static void park_semaphore(void) {
    sem_wait(&semaphore);
    after = 1;
}

NOINLINE static void park_barrier(void) {
    pthread_barrier_wait(&barrier);
    after = 1;
}

NOINLINE static void park_join(void) {
    pthread_join(joined, NULL);
    after = 1;
}

NOINLINE static void park_futex(void) {
    syscall(SYS_futex, &word, FUTEX_WAIT, 0, NULL, NULL, 0);
    after = 1;
}

NOINLINE static void park_read(void) {
    char byte;
    after = (int)read(pipe_fds[0], &byte, 1);
}

NOINLINE static void park_poll(void) {
    struct pollfd fd = {.fd = pipe_fds[0], .events = POLLIN};
    after = poll(&fd, 1, -1);
}

NOINLINE static void park_epoll(void) {
    struct epoll_event event;
    after = epoll_wait(epoll_fd, &event, 1, -1);
}

NOINLINE static void park_sleep(void) {
    sleep(1000);
    after = 1;
}

NOINLINE static void park_pause(void) {
    pause();
    after = 1;
}

NOINLINE static void park_running(void) {
    for (;;)
        sink++;
}

struct park {
    const char *name;
    void (*function)(void);
};

static const struct park parks[] = {
    {"mutex", park_mutex},     {"rwlock", park_rwlock}, {"cond", park_cond},   {"semaphore", park_semaphore},
    {"barrier", park_barrier}, {"join", park_join},     {"futex", park_futex}, {"read", park_read},
    {"poll", park_poll},       {"epoll", park_epoll},   {"sleep", park_sleep}, {"pause", park_pause},
    {"running", park_running},
};

static void *run(void *data) {
    const struct park *park = data;
    pthread_setname_np(pthread_self(), park->name);
    park->function();
    return NULL;
}

static void *sleep_for_ever(void *unused) {
    for (;;)
        sleep(1000);
    return unused;
}

/* With an argument the threads are there before the profiling is. */
int main(int argc, char **argv) {
    (void)argv;
    struct piko_profiling *profiling = NULL;
    if (argc == 1)
        profiling = target_start((struct piko_profiling_options){0});
    pthread_barrier_init(&barrier, NULL, 2);
    sem_init(&semaphore, 0, 0);
    if (pipe(pipe_fds) || (epoll_fd = epoll_create1(0)) < 0)
        return 1;
    pthread_mutex_lock(&held);
    pthread_rwlock_wrlock(&rwlock);
    pthread_create(&joined, NULL, sleep_for_ever, NULL);
    for (size_t i = 0; i < sizeof parks / sizeof *parks; i++) {
        pthread_t thread;
        pthread_create(&thread, NULL, run, (void *)(uintptr_t)&parks[i]);
    }
    usleep(200000);
    if (argc > 1)
        profiling = target_start((struct piko_profiling_options){0});
    target_wait();
    piko_profiling_stop(profiling);
    _exit(0);
}
