/* One thread in each kind of wait, each in a function named after it. */
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "target.h"

static pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER, mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t barrier;
static pthread_t joined;
static sem_t semaphore;
static uint32_t word;
static int pipe_fds[2], full_pipe[2], sockets[2], epoll_fd, locked_fd, other_fd, queue;
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

NOINLINE static void park_sigwait(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    sigwait(&set, &(int){0});
    after = 1;
}

NOINLINE static void park_write(void) {
    after = (int)write(full_pipe[1], "x", 1);
}

NOINLINE static void park_send(void) {
    after = (int)send(sockets[1], "x", 1, 0);
}

NOINLINE static void park_flock(void) {
    after = flock(other_fd, LOCK_EX);
}

static struct flock whole_file = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

NOINLINE static void park_fcntl(void) {
    after = fcntl(other_fd, F_OFD_SETLKW, &whole_file);
}

NOINLINE static void park_msgrcv(void) {
    char message[64];
    after = (int)msgrcv(queue, message, sizeof message - sizeof(long), 0, 0);
}

/* As programs call them that were built with _FORTIFY_SOURCE. */
ssize_t __read_chk(int fd, void *to, size_t size, size_t room);
ssize_t __recv_chk(int fd, void *to, size_t size, size_t room, int flags);
int __poll_chk(struct pollfd *fds, nfds_t n, int timeout, size_t room);

NOINLINE static void park_read_chk(void) {
    char byte;
    after = (int)__read_chk(pipe_fds[0], &byte, 1, 1);
}

NOINLINE static void park_recv_chk(void) {
    char byte;
    after = (int)__recv_chk(sockets[1], &byte, 1, 1, 0);
}

NOINLINE static void park_poll_chk(void) {
    struct pollfd fd = {.fd = pipe_fds[0], .events = POLLIN};
    after = __poll_chk(&fd, 1, -1, sizeof fd);
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
    {"mutex", park_mutex},       {"rwlock", park_rwlock},   {"cond", park_cond},         {"semaphore", park_semaphore},
    {"barrier", park_barrier},   {"join", park_join},       {"futex", park_futex},       {"read", park_read},
    {"poll", park_poll},         {"epoll", park_epoll},     {"sleep", park_sleep},       {"pause", park_pause},
    {"sigwait", park_sigwait},   {"write", park_write},     {"send", park_send},         {"flock", park_flock},
    {"fcntl", park_fcntl},       {"msgrcv", park_msgrcv},   {"read_chk", park_read_chk}, {"recv_chk", park_recv_chk},
    {"poll_chk", park_poll_chk}, {"running", park_running},
};

/* What the calls wait for: full pipes and sockets, a file that another descriptor has locked, an empty queue. */
static bool make_files(void) {
    char path[32], page[4096] = "";
    if (pipe(pipe_fds) || pipe(full_pipe) || socketpair(AF_UNIX, SOCK_STREAM, 0, sockets))
        return false;
    fcntl(full_pipe[1], F_SETFL, O_NONBLOCK);
    while (write(full_pipe[1], page, sizeof page) > 0) {
    }
    fcntl(full_pipe[1], F_SETFL, 0);
    while (send(sockets[1], page, 1, MSG_DONTWAIT) > 0) {
    }
    locked_fd = memfd_create("locked", MFD_CLOEXEC);
    snprintf(path, sizeof path, "/proc/self/fd/%d", locked_fd);
    other_fd = open(path, O_RDWR | O_CLOEXEC);
    queue = msgget(IPC_PRIVATE, 0600);
    return other_fd >= 0 && queue >= 0 && flock(locked_fd, LOCK_EX) == 0 &&
           fcntl(locked_fd, F_OFD_SETLK, &whole_file) == 0;
}

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
    if (!make_files() || (epoll_fd = epoll_create1(0)) < 0)
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
    msgctl(queue, IPC_RMID, NULL);
    _exit(0);
}
