#include "tui/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define TERMINAL 0 /* where the guard keeps them */
#define PIPE 1

/* A copy of our process, in which other threads may have held any lock: system calls alone. It shares our process group, so
 * it must not mind what a terminal sends to that; nor be stopped for writing to a terminal that the shell has taken back. */
static _Noreturn void guard(int terminal, int pipe, const char *restore, const struct termios *settings) {
    sigset_t all;
    char all_is_well;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    if (dup2(terminal, TERMINAL) < 0 || dup2(pipe, PIPE) < 0)
        _exit(1);
    close_range(PIPE + 1, UINT_MAX, 0);
    if (read(PIPE, &all_is_well, 1) == 0) {
        ssize_t n = write(TERMINAL, restore, strlen(restore));
        (void)n; /* there is nobody left to tell */
        tcsetattr(TERMINAL, TCSANOW, settings);
    }
    _exit(0);
}

int guard_start(int terminal, const char *restore, struct guard *ret) {
    struct termios settings;
    int ends[2];
    if (tcgetattr(terminal, &settings) || pipe2(ends, O_CLOEXEC))
        return -errno;
    /* dup2() must not close what it is to copy: both are above TERMINAL and PIPE, as standard descriptors are open. */
    pid_t pid = fork();
    if (pid == 0) {
        int high = fcntl(terminal, F_DUPFD, PIPE + 1);
        if (high >= 0)
            guard(high, ends[0], restore, &settings);
        _exit(1);
    }
    int error = errno;
    close(ends[0]);
    if (pid < 0) {
        close(ends[1]);
        return -error;
    }
    *ret = (struct guard){.pipe = ends[1], .pid = pid};
    return 0;
}

void guard_end(struct guard *guard) {
    ssize_t n = write(guard->pipe, "", 1);
    (void)n; /* one that is gone restores nothing either */
    close(guard->pipe);
    while (waitpid(guard->pid, NULL, 0) < 0 && errno == EINTR)
        ;
}
