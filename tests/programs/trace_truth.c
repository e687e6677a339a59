/* One thread waits, another one ends that wait, in each way that there is; both write down when, by the program's own clock.
 * At its end the program prints a line for each wait:
 *
 *     KIND WAITER WAKER BEGAN ASLEEP WOKE RETURNED     two thread ids, four times in ns of CLOCK_MONOTONIC
 *
 * The waiter reads BEGAN before its call and RETURNED after it, the waker sees at ASLEEP that the kernel has the waiter
 * sleeping, and reads WOKE before it ends the wait. So whatever the machine does: the wait begins between BEGAN and ASLEEP
 * and ends between WOKE and RETURNED. What both do apart from that wait is kept from the hooks: it goes to the kernel by
 * syscall(2).
 *
 * Then four threads take turns with one mutex, a line "turn" for each: WAITER had it at RETURNED, after WAKER, the one before. */
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "target.h"

#define ROUNDS 5
#define HELD_NS 20000000
#define TURN_THREADS 4
#define TURNS 10 /* of each */
#define TURN_NS 2000000

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_barrier_t barrier;
static sem_t semaphore;
static _Atomic uint32_t word;
static bool signalled;
static int pipe_fds[2], socket_fds[2], event_fd, epoll_fd;

struct wait {
    const char *kind;
    long waiter, waker;
    uint64_t began, asleep, woke, returned;
};

static struct wait waits[256];
static int n_waits;
static struct wait *_Atomic current; /* the wait that is under way */
static _Atomic bool prepared;        /* what is waited for is not to be had */

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static void rest(long ns) {
    syscall(SYS_nanosleep, &(struct timespec){.tv_nsec = ns}, NULL);
}

static void wait_for(const _Atomic bool *flag) {
    while (!*flag)
        rest(100000);
}

static void wait_until_asleep(long tid) {
    char path[64], text[256];
    snprintf(path, sizeof path, "/proc/self/task/%ld/stat", tid);
    for (char state = 0; state != 'S'; rest(100000)) {
        int fd = open(path, O_RDONLY);
        long size = syscall(SYS_read, fd, text, sizeof text - 1);
        syscall(SYS_close, fd);
        text[size > 0 ? size : 0] = 0;
        const char *name_end = strrchr(text, ')');
        state = name_end ? name_end[2] : 0;
    }
}

/* ---- The ways to wait: what the waker does first, what the waiter does, how the waker ends it */
static void nothing(void) {
}

static void mutex_take(void) {
    pthread_mutex_lock(&mutex);
}
static void mutex_wait(void) {
    pthread_mutex_lock(&mutex);
    pthread_mutex_unlock(&mutex);
}
static void mutex_give(void) {
    pthread_mutex_unlock(&mutex);
}

static void rwlock_take(void) {
    pthread_rwlock_wrlock(&rwlock);
}
static void rwlock_wait_to_read(void) {
    pthread_rwlock_rdlock(&rwlock);
    pthread_rwlock_unlock(&rwlock);
}
static void rwlock_wait_to_write(void) {
    pthread_rwlock_wrlock(&rwlock);
    pthread_rwlock_unlock(&rwlock);
}
static void rwlock_take_to_read(void) {
    pthread_rwlock_rdlock(&rwlock);
}
static void rwlock_give(void) {
    pthread_rwlock_unlock(&rwlock);
}

static void cond_prepare(void) {
    signalled = false;
}
static void cond_wait(void) {
    pthread_mutex_lock(&mutex);
    while (!signalled)
        pthread_cond_wait(&condition, &mutex);
    pthread_mutex_unlock(&mutex);
}
/* After the unlock: the waiter gets both at once. */
static void cond_signal(void) {
    pthread_mutex_lock(&mutex);
    signalled = true;
    pthread_mutex_unlock(&mutex);
    pthread_cond_signal(&condition);
}
static void cond_broadcast(void) {
    pthread_mutex_lock(&mutex);
    signalled = true;
    pthread_mutex_unlock(&mutex);
    pthread_cond_broadcast(&condition);
}
static void cond_time_out(void) {
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_nsec += 2 * HELD_NS;
    end.tv_sec += end.tv_nsec / 1000000000;
    end.tv_nsec %= 1000000000;
    pthread_mutex_lock(&mutex);
    while (pthread_cond_timedwait(&condition, &mutex, &end) == 0) {
    }
    pthread_mutex_unlock(&mutex);
}

static void semaphore_wait(void) {
    sem_wait(&semaphore);
}
static void semaphore_post(void) {
    sem_post(&semaphore);
}

static void barrier_wait(void) {
    pthread_barrier_wait(&barrier);
}

static void futex_prepare(void) {
    word = 0;
}
static void futex_wait(void) {
    while (!word)
        syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
}
static void futex_wake(void) {
    word = 1;
    syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void pipe_read(void) {
    char byte;
    if (read(pipe_fds[0], &byte, 1) != 1)
        abort();
}
static void pipe_write(void) {
    if (syscall(SYS_write, pipe_fds[1], "", 1) != 1)
        abort();
}

static void socket_receive(void) {
    char byte;
    if (recv(socket_fds[0], &byte, 1, 0) != 1)
        abort();
}
static void socket_read(void) {
    char byte;
    if (read(socket_fds[0], &byte, 1) != 1)
        abort();
}
static void socket_write(void) {
    if (syscall(SYS_write, socket_fds[1], "", 1) != 1)
        abort();
}

static void epoll_wait_for_event(void) {
    struct epoll_event event;
    uint64_t count;
    if (epoll_wait(epoll_fd, &event, 1, -1) != 1 || syscall(SYS_read, event_fd, &count, sizeof count) < 0)
        abort();
}
static void event_write(void) {
    if (syscall(SYS_write, event_fd, &(uint64_t){1}, sizeof(uint64_t)) < 0)
        abort();
}

static void sleep_a_while(void) {
    nanosleep(&(struct timespec){.tv_nsec = 2 * HELD_NS}, NULL);
}

static int child_pipe[2];
static pid_t child;
static void child_make(void) {
    char byte;
    if (pipe(child_pipe))
        abort();
    child = fork();
    if (child)
        return;
    syscall(SYS_close, child_pipe[1]);
    syscall(SYS_read, child_pipe[0], &byte, 1);
    _exit(0);
}
static void child_wait(void) {
    waitpid(child, NULL, 0);
}
static void child_end(void) {
    syscall(SYS_close, child_pipe[1]);
    syscall(SYS_close, child_pipe[0]);
}

static pthread_t ended;
static _Atomic bool may_end;
static void *end_when_told(void *unused) {
    wait_for(&may_end);
    current->waker = syscall(SYS_gettid);
    current->woke = now();
    return unused;
}
static void thread_make(void) {
    may_end = false;
    pthread_create(&ended, NULL, end_when_told, NULL);
}
static void thread_end(void) {
    may_end = true;
}
static void thread_join(void) {
    pthread_join(ended, NULL);
}

static const struct way {
    const char *kind;
    void (*prepare)(void), (*wait)(void), (*end)(void);
} ways[] = {
    {"mutex", mutex_take, mutex_wait, mutex_give},
    {"rwlock_reader", rwlock_take, rwlock_wait_to_read, rwlock_give},
    {"rwlock_writer", rwlock_take_to_read, rwlock_wait_to_write, rwlock_give},
    {"cond", cond_prepare, cond_wait, cond_signal},
    {"cond_broadcast", cond_prepare, cond_wait, cond_broadcast},
    {"cond_timeout", nothing, cond_time_out, nothing},
    {"semaphore", nothing, semaphore_wait, semaphore_post},
    {"barrier", nothing, barrier_wait, barrier_wait},
    {"join", thread_make, thread_join, thread_end},
    {"futex", futex_prepare, futex_wait, futex_wake},
    {"pipe", nothing, pipe_read, pipe_write},
    {"recv", nothing, socket_receive, socket_write},
    {"read_socket", nothing, socket_read, socket_write},
    {"epoll", nothing, epoll_wait_for_event, event_write},
    {"sleep", nothing, sleep_a_while, nothing},
    {"child", child_make, child_wait, child_end},
};
#define N_WAYS (sizeof ways / sizeof *ways)

/* ---- The two of them, in step */
NOINLINE static void wait_in_this_way(const struct way *way) {
    struct wait *wait = &waits[n_waits];
    wait->kind = way->kind;
    wait->waiter = syscall(SYS_gettid);
    wait_for(&prepared);
    prepared = false;
    wait->began = now();
    current = wait;
    way->wait();
    wait->returned = now();
    while (current) /* the waker is done with it */
        rest(100000);
    n_waits++;
}

NOINLINE static void end_it(const struct way *way) {
    way->prepare();
    prepared = true;
    while (!current)
        rest(100000);
    struct wait *wait = current;
    wait->waker = syscall(SYS_gettid);
    wait_until_asleep(wait->waiter);
    wait->asleep = now();
    rest(HELD_NS);
    wait->woke = now();
    way->end();
    while (!wait->returned)
        rest(100000);
    current = NULL;
}

static void *waiter(void *unused) {
    for (int round = 0; round < ROUNDS; round++)
        for (size_t i = 0; i < N_WAYS; i++)
            wait_in_this_way(&ways[i]);
    return unused;
}

static void *waker(void *unused) {
    for (int round = 0; round < ROUNDS; round++)
        for (size_t i = 0; i < N_WAYS; i++)
            end_it(&ways[i]);
    return unused;
}

/* ---- Turns */
static long holder_before;

NOINLINE static void take_a_turn(void) {
    pthread_mutex_lock(&mutex);
    struct wait *turn = &waits[n_waits++];
    *turn = (struct wait){"turn", .waiter = syscall(SYS_gettid), .waker = holder_before, .returned = now()};
    holder_before = turn->waiter;
    rest(TURN_NS);
    pthread_mutex_unlock(&mutex);
}

static void *take_turns(void *unused) {
    for (int i = 0; i < TURNS; i++) {
        take_a_turn();
        rest(TURN_NS); /* for the others to have theirs */
    }
    return unused;
}

static void run_together(void *(*const functions[])(void *), int n) {
    pthread_t threads[TURN_THREADS];
    for (int i = 0; i < n; i++)
        pthread_create(&threads[i], NULL, functions[i], NULL);
    for (int i = 0; i < n; i++)
        pthread_join(threads[i], NULL);
}

static void prepare_all(void) {
    pthread_barrier_init(&barrier, NULL, 2);
    sem_init(&semaphore, 0, 0);
    event_fd = eventfd(0, 0);
    epoll_fd = epoll_create1(0);
    if (pipe(pipe_fds) || socketpair(AF_UNIX, SOCK_STREAM, 0, socket_fds) ||
        epoll_ctl(epoll_fd, EPOLL_CTL_ADD, event_fd, &(struct epoll_event){.events = EPOLLIN}))
        exit(1);
}

int main(void) {
    struct piko_profiling *profiling =
        target_start((struct piko_profiling_options){.block_rate_ns = 1, .rolling_trace = 1});
    prepare_all();
    run_together((void *(*const[])(void *)){waiter, waker}, 2);
    run_together((void *(*const[])(void *)){take_turns, take_turns, take_turns, take_turns}, TURN_THREADS);
    target_wait();
    for (int i = 0; i < n_waits; i++)
        printf("%s %ld %ld %lu %lu %lu %lu\n", waits[i].kind, waits[i].waiter, waits[i].waker, waits[i].began,
               waits[i].asleep, waits[i].woke, waits[i].returned);
    return piko_profiling_stop(profiling);
}
