/* Programs that take signals, or the absence of them, seriously. */
#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "nasty.h"

/* ---- eintr: nobody sends these threads a signal, so none of their calls is ever broken off ---- */
static sem_t never, often;
static int quiet[2]; /* nothing comes */
static int busy[2];  /* something does */
static int epoll, listener;
static uint32_t word;

static void call_all_that_time_out(void) {
    struct pollfd fd = {.fd = quiet[0], .events = POLLIN};
    fd_set set;
    FD_ZERO(&set);
    FD_SET(quiet[0], &set);
    struct epoll_event event;
    struct timespec ms = {.tv_nsec = 1000000}, at;
    char byte;
    CHECK(poll(&fd, 1, 1) == 0);
    CHECK(ppoll(&fd, 1, &ms, NULL) == 0);
    CHECK(epoll_wait(epoll, &event, 1, 1) == 0);
    CHECK(select(quiet[0] + 1, &set, NULL, NULL, &(struct timeval){.tv_usec = 1000}) == 0);
    CHECK(nanosleep(&ms, NULL) == 0);
    CHECK(clock_nanosleep(CLOCK_MONOTONIC, 0, &ms, NULL) == 0);
    CHECK(usleep(1000) == 0);
    clock_gettime(CLOCK_REALTIME, &at);
    at.tv_nsec += at.tv_nsec < 998000000 ? 1000000 : 0;
    CHECK(sem_timedwait(&never, &at) == -1 && errno == ETIMEDOUT);
    CHECK(syscall(SYS_futex, &word, FUTEX_WAIT, 0, &ms, NULL, 0) == -1 && errno == ETIMEDOUT);
    CHECK(recv(quiet[0], &byte, 1, 0) == -1 && errno == EAGAIN); /* SO_RCVTIMEO */
}

static void *calls_that_time_out(void *data) {
    do {
        call_all_that_time_out();
        nasty_burn(3000);
    } while (nasty_more());
    return data;
}

static bool over, fed; /* A */

static void *waits_for_semaphore(void *data) {
    for (; !__atomic_load_n(&over, __ATOMIC_RELAXED); nasty_burn(200))
        CHECK(sem_wait(&often) == 0);
    return data;
}

static void *reads(void *data) {
    char byte;
    for (; !__atomic_load_n(&over, __ATOMIC_RELAXED); nasty_burn(200))
        CHECK(read(busy[0], &byte, 1) == 1);
    return data;
}

static void *accepts(void *data) {
    for (; !__atomic_load_n(&over, __ATOMIC_RELAXED); nasty_burn(200)) {
        int fd = accept(listener, NULL, NULL);
        CHECK(fd >= 0 && close(fd) == 0);
    }
    return data;
}

/* Ends the waits of the three above, until they are all gone. It never waits for who accepts, as the others may still
 * have to be fed: while the queue is full there are connections enough. */
static void *feeds(void *data) {
    struct sockaddr_un address;
    socklen_t size = sizeof address;
    CHECK(getsockname(listener, (struct sockaddr *)&address, &size) == 0);
    while (!__atomic_load_n(&fed, __ATOMIC_RELAXED)) {
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
        CHECK(sem_post(&often) == 0 && write(busy[1], "x", 1) == 1);
        CHECK((connect(fd, (struct sockaddr *)&address, size) == 0 || errno == EAGAIN) && close(fd) == 0);
        CHECK(usleep(1000) == 0);
    }
    return data;
}

static void open_files(void) {
    struct timeval timeout = {.tv_usec = 1000};
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, quiet) == 0 && pipe(busy) == 0 && (epoll = epoll_create1(0)) >= 0);
    CHECK(setsockopt(quiet[0], SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout) == 0);
    CHECK((listener = socket(AF_UNIX, SOCK_STREAM, 0)) >= 0);
    sa_family_t alone = AF_UNIX; /* the kernel chooses the rest of the address */
    CHECK(bind(listener, (struct sockaddr *)&alone, sizeof alone) == 0 && listen(listener, 100) == 0);
    CHECK(sem_init(&never, 0, 0) == 0 && sem_init(&often, 0, 0) == 0);
}

void nasty_eintr(void) {
    void *(*const bodies[])(void *) = {
        calls_that_time_out, calls_that_time_out, waits_for_semaphore, reads, accepts, feeds};
    enum { N = sizeof bodies / sizeof *bodies };
    pthread_t threads[N];
    open_files();
    for (int i = 0; i < N; i++)
        CHECK(pthread_create(&threads[i], NULL, bodies[i], NULL) == 0);
    for (int i = 0; i < N; i++) {
        if (i == 2)
            __atomic_store_n(&over, true, __ATOMIC_RELAXED);
        if (i == N - 1)
            __atomic_store_n(&fed, true, __ATOMIC_RELAXED);
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
}

/* ---- sigwait: the textbook's server, all signals blocked and one thread that waits for any ---- */
static void *burns(void *data) {
    while (nasty_more())
        nasty_burn(1000);
    return data;
}

static void *burns_with_all_blocked(void *data) {
    sigset_t mask, none;
    sigemptyset(&none);
    CHECK(pthread_sigmask(SIG_BLOCK, NULL, &mask) == 0 && sigismember(&mask, SIGPROF) && sigismember(&mask, SIGHUP));
    CHECK(sigprocmask(SIG_SETMASK, &none, &mask) == 0 && sigismember(&mask, SIGPROF));
    CHECK(sigprocmask(SIG_SETMASK, &mask, &none) == 0 && !sigismember(&none, SIGPROF));
    burns(data);
    return NULL; /* behind the call: this frame is to be seen */
}

void nasty_sigwait(void) {
    sigset_t all;
    pthread_t thread;
    sigfillset(&all);
    CHECK(pthread_sigmask(SIG_SETMASK, &all, NULL) == 0);
    CHECK(pthread_create(&thread, NULL, burns_with_all_blocked, NULL) == 0);
    do {
        siginfo_t info;
        int got;
        nasty_burn(5000);
        CHECK(sigtimedwait(&all, &info, &(struct timespec){.tv_nsec = 1000000}) == -1 && errno == EAGAIN);
        nasty_burn(5000);
        CHECK(kill(getpid(), SIGUSR1) == 0 && sigwait(&all, &got) == 0 && got == SIGUSR1);
        nasty_burn(5000);
        CHECK(kill(getpid(), SIGUSR2) == 0 && sigwaitinfo(&all, &info) == SIGUSR2 && info.si_pid == getpid());
    } while (nasty_more());
    CHECK(pthread_join(thread, NULL) == 0);
}

/* ---- own_handler: a program that has a use for the profiling signal itself, or resets all of them ---- */
static volatile sig_atomic_t seen, strange;

static void on_profile(int number, siginfo_t *info, void *context) {
    (void)context;
    if (number == SIGPROF && info->si_code == SI_TKILL)
        seen++;
    else
        strange++;
}

static void take_signal(void) {
    struct sigaction action = {.sa_sigaction = on_profile, .sa_flags = SA_SIGINFO | SA_RESTART}, before, after;
    CHECK(sigaction(SIGPROF, &action, &before) == 0 && before.sa_handler == SIG_DFL);
    seen = strange = 0;
    for (int i = 1; i <= 10; i++) {
        nasty_burn(2000);
        CHECK(raise(SIGPROF) == 0 && seen == i && strange == 0);
    }
    CHECK(sigaction(SIGPROF, NULL, &after) == 0 && after.sa_sigaction == on_profile);
    CHECK((after.sa_flags & (SA_SIGINFO | SA_RESTART | SA_ONSTACK)) == (SA_SIGINFO | SA_RESTART));
    CHECK(signal(SIGPROF, SIG_IGN) != SIG_ERR && raise(SIGPROF) == 0 && seen == 10);
}

void nasty_own_handler(void) {
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, burns, NULL) == 0);
    do {
        take_signal();
        for (int i = 1; i < NSIG; i++)
            signal(i, SIG_DFL);
        nasty_burn(20000);
    } while (nasty_more());
    CHECK(pthread_join(thread, NULL) == 0);
}

/* ---- altstack: faults handled on an alternate stack, and left by a jump ---- */
static sigjmp_buf again;

static void on_fault(int number) {
    (void)number;
    nasty_burn(300);
    free(malloc(100));
    siglongjmp(again, 1);
}

static void *faults(void *data) {
    char stack[16384];
    stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
    CHECK(sigaltstack(&alternate, NULL) == 0);
    int *volatile nowhere = NULL;
    volatile int faulted = 0;
    do {
        if (!sigsetjmp(again, 1)) {
            *(volatile int *)nowhere = 1;
            CHECK(false);
        }
        faulted++;
    } while (nasty_more());
    CHECK(faulted > 0 && sigaltstack(&(stack_t){.ss_flags = SS_DISABLE}, NULL) == 0);
    return data;
}

void nasty_altstack(void) {
    pthread_t thread;
    struct sigaction action = {.sa_handler = on_fault, .sa_flags = SA_ONSTACK};
    CHECK(sigaction(SIGSEGV, &action, NULL) == 0);
    CHECK(pthread_create(&thread, NULL, faults, NULL) == 0 && pthread_join(thread, NULL) == 0);
}

/* ---- longjmp: out of a blocking call; the thread runs afterwards, and must be shown to ---- */
static void leave(int number) {
    (void)number;
    siglongjmp(again, 1);
}

NOINLINE static void wait_in_vain(void) {
    char byte;
    ssize_t n = read(quiet[0], &byte, 1);
    CHECK(n == 0 && false);
}

NOINLINE static void run_after_the_jump(void) {
    while (nasty_more())
        nasty_burn(1000);
}

void nasty_longjmp(void) {
    CHECK(pipe(quiet) == 0 && signal(SIGALRM, leave) != SIG_ERR);
    if (!sigsetjmp(again, 1)) {
        CHECK(setitimer(ITIMER_REAL, &(struct itimerval){.it_value = {.tv_usec = 5000}}, NULL) == 0);
        wait_in_vain();
    }
    nanosleep(&(struct timespec){.tv_nsec = 1000}, NULL);
    run_after_the_jump();
}
