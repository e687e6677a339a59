/* The probe as a library of its own, loaded before the program's others by `piko run`: starts by itself, shares its
 * segment with the supervisor, and does the same in every child of a fork. Prints nothing and never ends the program:
 * without a supervisor, or when anything fails, the program runs on alone. */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "probe/control/control.h"
#include "probe/control/crash.h"
#include "probe/control/sanitizers.h"
#include "probe/handler/probe.h"
#include "probe/handler/thread.h"
#include "probe/preload/announce.h"
#include "probe/preload/settings.h"
#include "segment/segment.h"

#define EXPORT __attribute__((visibility("default")))

/* Read once, before the program's own code: servers clear or overwrite their environment. */
static struct settings settings;
static bool is_child; /* forked, and not started anew yet */

static void start(void) {
    if (settings.only && settings.only != (uint32_t)getpid())
        return;
    int own = control_mark_own(1), fd;
    size_t bytes = (size_t)control_segment_bytes(&settings.rates);
    void *memory = announce_memory(bytes, &fd);
    struct segment *segment;
    if (memory) {
        if (control_start(&settings.rates, memory, &segment, &bytes))
            munmap(memory, bytes);
        else if (announce_send(&settings, fd))
            control_stop();
        syscall(SYS_close, fd);
    }
    control_mark_own(own);
}

static void after_fork_in_child(void) {
    is_child = true;
}

/* Before the program overwrites it, as servers do that show their state there. */
static void keep_name(void) {
    const char *name = program_invocation_short_name;
    for (unsigned i = 0; i < HELLO_SHORT_BYTES - 1 && name && name[i]; i++)
        settings.program[i] = name[i];
}

__attribute__((constructor(102))) static void preload(void) {
    int saved_errno = errno;
    if (!sanitizers_want_no_company() && settings_parse(getenv(HELLO_VARIABLE), &settings)) {
        keep_name();
        start();
        crash_init();
        pthread_atfork(NULL, NULL, after_fork_in_child);
    }
    errno = saved_errno;
}

/* Not in the handler of the fork: the program's allocator may get its locks back in a later one, and to start a thread
 * takes memory. */
static void start_in_child(void) {
    if (!is_child)
        return;
    is_child = false;
    int saved_errno = errno;
    start();
    errno = saved_errno;
}

/* Tells the supervisor of a child that may say hello when its parent has ended: a server that puts itself into the background
 * does nothing else. */
static void count_fork(void) {
    if (probe.segment && !probe.inherited && !probe_is_another_process())
        counter_add(&probe.segment->counters.forks, 1);
}

/* The three that fork without exec. vfork() and posix_spawn() share the parent's memory until they exec. */
EXPORT pid_t fork(void) {
    static pid_t (*real)(void);
    if (!real)
        real = (__typeof__(real))dlsym(RTLD_NEXT, "fork");
    count_fork();
    pid_t pid = real();
    if (pid == 0)
        start_in_child();
    return pid;
}

EXPORT int daemon(int keep_directory, int keep_output) {
    static int (*real)(int, int);
    if (!real)
        real = (__typeof__(real))dlsym(RTLD_NEXT, "daemon");
    count_fork();
    int error = real(keep_directory, keep_output);
    start_in_child();
    return error;
}

struct termios;
struct winsize;
EXPORT int forkpty(int *terminal, char *name, const struct termios *modes, const struct winsize *size);
EXPORT int forkpty(int *terminal, char *name, const struct termios *modes, const struct winsize *size) {
    static int (*real)(int *, char *, const struct termios *, const struct winsize *);
    if (!real)
        real = (__typeof__(real))dlsym(RTLD_NEXT, "forkpty");
    count_fork();
    int pid = real(terminal, name, modes, size);
    if (pid == 0)
        start_in_child();
    return pid;
}
