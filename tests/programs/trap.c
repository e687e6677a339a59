/* Loaded in front of libpiko.so: ends the program when the profiler's signal handler calls what no handler may, by whatever
 * way round. It learns of the handler when that is installed. With TRAP_SELF_TEST set it calls malloc there itself. */
#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define INITIAL_EXEC __attribute__((tls_model("initial-exec")))

static __thread bool inside INITIAL_EXEC, finding INITIAL_EXEC;

static void say(const char *text) {
    syscall(SYS_write, STDERR_FILENO, text, strlen(text));
}

static void check(const char *function) {
    if (__builtin_expect(!inside, 1))
        return;
    inside = false;
    say("trap: ");
    say(function);
    say("() in the handler\n");
    abort();
}

static void *find(const char *name) {
    finding = true;
    void *function = dlsym(RTLD_NEXT, name);
    finding = false;
    return function;
}

/* Calls end in jumps: the hooks behind us see the program as their caller. */
#define TRAP(type, name, parameters, arguments)                                                                        \
    type name parameters {                                                                                             \
        static type(*next) parameters;                                                                                 \
        check(#name);                                                                                                  \
        if (!next)                                                                                                     \
            next = (__typeof__(next))find(#name);                                                                      \
        return next arguments;                                                                                         \
    }

/* The loader may allocate while it looks for a name. */
#define TRAP_ALLOCATION(type, name, parameters, arguments, meanwhile)                                                  \
    type name parameters {                                                                                             \
        static type(*next) parameters;                                                                                 \
        check(#name);                                                                                                  \
        if (!next) {                                                                                                   \
            if (finding)                                                                                               \
                return meanwhile;                                                                                      \
            next = (__typeof__(next))find(#name);                                                                      \
        }                                                                                                              \
        return next arguments;                                                                                         \
    }

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *object, size_t size);
void __libc_free(void *object);

TRAP_ALLOCATION(void *, malloc, (size_t size), (size), __libc_malloc(size))
TRAP_ALLOCATION(void *, calloc, (size_t n, size_t size), (n, size), __libc_calloc(n, size))
TRAP_ALLOCATION(void *, realloc, (void *object, size_t size), (object, size), __libc_realloc(object, size))
TRAP_ALLOCATION(void, free, (void *object), (object), __libc_free(object))
TRAP(int, posix_memalign, (void **ret, size_t alignment, size_t size), (ret, alignment, size))
TRAP(void *, aligned_alloc, (size_t alignment, size_t size), (alignment, size))
TRAP(void *, mmap, (void *at, size_t size, int access, int flags, int fd, off_t offset),
     (at, size, access, flags, fd, offset))
TRAP(int, munmap, (void *at, size_t size), (at, size))

TRAP(int, pthread_mutex_lock, (pthread_mutex_t * mutex), (mutex))
TRAP(int, pthread_mutex_trylock, (pthread_mutex_t * mutex), (mutex))
TRAP(int, pthread_mutex_unlock, (pthread_mutex_t * mutex), (mutex))
TRAP(int, pthread_rwlock_rdlock, (pthread_rwlock_t * rwlock), (rwlock))
TRAP(int, pthread_rwlock_wrlock, (pthread_rwlock_t * rwlock), (rwlock))
TRAP(int, pthread_rwlock_unlock, (pthread_rwlock_t * rwlock), (rwlock))
TRAP(int, pthread_cond_signal, (pthread_cond_t * condition), (condition))
TRAP(int, pthread_cond_broadcast, (pthread_cond_t * condition), (condition))
TRAP(int, sem_wait, (sem_t * semaphore), (semaphore))
TRAP(int, sem_post, (sem_t * semaphore), (semaphore))
TRAP(void *, pthread_getspecific, (pthread_key_t key), (key))
TRAP(int, pthread_setspecific, (pthread_key_t key, const void *value), (key, value))

TRAP(int, dl_iterate_phdr, (int (*visit)(struct dl_phdr_info *, size_t, void *), void *data), (visit, data))
TRAP(void *, dlopen, (const char *path, int mode), (path, mode))
TRAP(int, dlclose, (void *object), (object))
TRAP(int, dladdr, (const void *address, Dl_info *ret), (address, ret))
TRAP(FILE *, fopen, (const char *restrict path, const char *restrict mode), (path, mode))
TRAP(size_t, fwrite, (const void *restrict from, size_t size, size_t n, FILE *restrict file), (from, size, n, file))
TRAP(ssize_t, read, (int fd, void *to, size_t size), (fd, to, size))
TRAP(ssize_t, write, (int fd, const void *from, size_t size), (fd, from, size))

/* ---- The handler */

static void (*handler)(int number, siginfo_t *info, void *context);
static bool self_test;

static void run_handler(int number, siginfo_t *info, void *context) {
    bool is_own =
        info->si_code == SI_TIMER; /* others are passed on to the program's handler, which may do as it likes */
    inside = is_own;
    if (is_own && self_test)
        free(malloc(10));
    handler(number, info, context);
    inside = false;
}

static bool is_piko(const struct sigaction *action) {
    Dl_info info;
    return action->sa_flags & SA_SIGINFO && dladdr((void *)action->sa_sigaction, &info) &&
           strstr(info.dli_fname, "libpiko") != NULL;
}

typedef int sigaction_function(int number, const struct sigaction *restrict action, struct sigaction *restrict before);

/* Whoever installed it: behind us, and again whenever the program changes that signal's action. */
static void wrap_handler(int number) {
    static sigaction_function *in_libc;
    struct sigaction now;
    if (!in_libc)
        in_libc = (sigaction_function *)dlsym(dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD), "sigaction");
    if (in_libc(number, NULL, &now) || !is_piko(&now))
        return;
    handler = now.sa_sigaction;
    self_test = getenv("TRAP_SELF_TEST") != NULL;
    now.sa_sigaction = run_handler;
    in_libc(number, &now, NULL);
}

int sigaction(int number, const struct sigaction *restrict action, struct sigaction *restrict before) {
    static sigaction_function *next;
    if (!next)
        next = (sigaction_function *)find("sigaction");
    int error = next(number, action, before);
    if (!error && action && number == SIGPROF)
        wrap_handler(number);
    return error;
}
