/* The command itself: its start. */
#ifndef PIKO_SUPERVISE_COMMAND_H
#define PIKO_SUPERVISE_COMMAND_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "supervise/registrar.h"
#include "supervise/supervise.h"

struct command_start {
    const char *path;  /* of its file, see program_find() */
    const char *probe; /* NULL = none, and no settings for one */
    const struct registrar *registrar;
    const sigset_t *mask; /* what it starts with */
};

/* Fork and exec with the probe in its environment. 0 with its pid, or a negative errno, when nothing runs. */
int command_start(const struct supervise_options *options, const struct command_start *start, pid_t *ret);

#endif
