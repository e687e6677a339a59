/* fork, vfork and exec while other threads are busy in everything that we hook. */
#include <errno.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "nasty.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static int over;

static void *busy(void *unused) {
    while (!__atomic_load_n(&over, __ATOMIC_RELAXED)) {
        pthread_mutex_lock(&mutex);
        void *object = malloc(1000);
        object = realloc(object, 2000);
        pthread_mutex_unlock(&mutex);
        free(object);
    }
    return unused;
}

static pthread_t threads[2];

static void begin_busy(void) {
    for (int i = 0; i < 2; i++)
        CHECK(pthread_create(&threads[i], NULL, busy, NULL) == 0);
}

static void end_busy(void) {
    __atomic_store_n(&over, 1, __ATOMIC_RELAXED);
    for (int i = 0; i < 2; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
}

/* The child's status; a child that hangs is killed after 5 s. */
static int status_of(pid_t child) {
    int status;
    for (int i = 0; i < 5000; i++) {
        pid_t ended = waitpid(child, &status, WNOHANG);
        CHECK(ended >= 0);
        if (ended)
            return status;
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    fprintf(stderr, "child hangs\n");
    kill(child, SIGABRT);
    return -1;
}

static bool ended_with(pid_t child, int code) {
    int status = status_of(child);
    return WIFEXITED(status) && WEXITSTATUS(status) == code;
}

static int see_object(struct dl_phdr_info *info, size_t size, void *data) {
    (void)info;
    (void)size;
    ++*(int *)data;
    return 0;
}

static void *allocates(void *data) {
    free(malloc(5000));
    return data;
}

static void live_as_a_child(void) {
    int objects = 0;
    pthread_t thread;
    free(malloc(100));
    dl_iterate_phdr(see_object, &objects);
    if (!objects || pthread_create(&thread, NULL, allocates, NULL) || pthread_join(thread, NULL))
        _exit(1);
    nasty_burn(1000);
    _exit(7);
}

void nasty_fork(void) {
    begin_busy();
    do {
        pid_t child = fork();
        if (!child)
            live_as_a_child();
        CHECK(child > 0 && ended_with(child, 7));
    } while (nasty_more());
    end_busy();
}

/* A fork that takes longer than the time between two signals: interrupted, it would begin again for ever. Small pages, all
 * of them there. */
void nasty_fork_large(void) {
    size_t size = (size_t)2 << 30, page = (size_t)sysconf(_SC_PAGESIZE);
    char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(memory != MAP_FAILED);
    madvise(memory, size, MADV_NOHUGEPAGE);
    for (size_t at = 0; at < size; at += page)
        memory[at] = 1;
    do {
        pid_t child = fork();
        if (!child)
            _exit(memory[size - page] == 1 ? 7 : 1);
        CHECK(child > 0 && ended_with(child, 7));
    } while (nasty_more());
    CHECK(munmap(memory, size) == 0);
}

/* A child has no profiling: to stop its parent's does nothing, and it can start its own. */
static void profile_in_child(void) {
    struct piko_profiling *own = NULL;
    if (piko_profiling_stop(nasty_profiling))
        _exit(1);
    if (nasty_profiling && nasty_start(PIKO_ANY_PORT, &own))
        _exit(2);
    free(malloc(1000));
    nasty_burn(1000);
    if (piko_profiling_stop(own))
        _exit(3);
    _exit(7);
}

void nasty_fork_start(void) {
    begin_busy();
    do {
        pid_t child = fork();
        if (!child)
            profile_in_child();
        CHECK(child > 0 && ended_with(child, 7));
    } while (nasty_more());
    end_busy();
}

/* A child that lives on does not keep the port. */
void nasty_fork_port(void) {
    int up[2];
    CHECK(pipe(up) == 0);
    do {
        pid_t child = fork();
        char byte = 0;
        if (!child) {
            CHECK(write(up[1], &byte, 1) == 1);
            pause();
            _exit(0);
        }
        CHECK(read(up[0], &byte, 1) == 1);
        if (nasty_profiling) {
            int port = piko_profiling_port(nasty_profiling);
            CHECK(piko_profiling_stop(nasty_profiling) == 0);
            CHECK(nasty_start(port, &nasty_profiling) == 0);
        }
        CHECK(kill(child, SIGTERM) == 0 && WIFSIGNALED(status_of(child)));
    } while (nasty_more());
}

void nasty_spawn(void) {
    static char shell[] = "sh", option[] = "-c", line[] = "exit 7";
    char *arguments[] = {shell, option, line, NULL};
    begin_busy();
    do {
        pid_t child;
        CHECK(posix_spawn(&child, "/bin/sh", NULL, NULL, arguments, environ) == 0 && ended_with(child, 7));
        child = vfork();
        if (!child) {
            execv("/bin/sh", arguments);
            _exit(1);
        }
        CHECK(ended_with(child, 7));
        int status = system("exit 7");
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
    } while (nasty_more());
    end_busy();
}
