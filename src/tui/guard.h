/* Puts a terminal back the way it was when the process that changed it ends without doing so: by a crash, SIGKILL,
 * _exit(). No handler of our own could do that for SIGKILL, so it is a process that waits for the end of a pipe. */
#ifndef PIKO_TUI_GUARD_H
#define PIKO_TUI_GUARD_H

#include <sys/types.h>

struct guard {
    int pipe; /* its other end is read by the guard */
    pid_t pid;
};

/* Guard the terminal at that descriptor, whose settings are still the old ones; `restore` is what it then gets written.
 * The guard keeps nothing else open. 0 or a negative errno. */
int guard_start(int terminal, const char *restore, struct guard *ret);

/* The terminal has been put back: the guard leaves without touching it. */
void guard_end(struct guard *guard);

#endif
