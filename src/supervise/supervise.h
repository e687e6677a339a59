/* Runs a command with the probe preloaded, and serves the endpoints of all its processes. */
#ifndef PIKO_SUPERVISE_SUPERVISE_H
#define PIKO_SUPERVISE_SUPERVISE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct supervise_options {
    char *const *argv; /* the command and its arguments, NULL-terminated */
    const char *bind_address;
    uint16_t port;                        /* 0 = any free one */
    const char *unix_path;                /* instead of a port; NULL = the port */
    const char *allow_hosts, *token_file; /* as the server's options */
    uint64_t mem_profile_rate_bytes, block_rate_ns;
    uint32_t mutex_fraction;
    uint64_t trace_min_age_ns, trace_bytes_max; /* of the rolling trace, each process's; 0 = none */
    unsigned cpu_rate_hz;                       /* of CPU captures that ask for no rate */
    bool generator;            /* no endpoints: all that each process does, from start to end, goes to output_folder */
    bool first_only;           /* look at the command's first process alone, and end with it */
    const char *output_folder; /* of what processes that died leave, and of a generator */
    void (*say)(void *data, const char *line); /* what a user should know; from any thread */
    void *say_data;
};

#define SUPERVISE_WHY_BYTES 512u

/* Blocks until the command ends, and when it ended with 0, until the processes that it left in the background have ended or
 * one of SIGINT, SIGTERM, SIGHUP and SIGQUIT comes. 0 with its status as waitpid() gives it; or a negative errno, before the command was
 * started, with a sentence in `why`: -ENOENT (no such command), -EACCES, -ENOEXEC (cannot be run or preloaded),
 * -EIO (the endpoints cannot be served) and their like. Call it once, while the process has no other thread: the signals that are passed on stay
 * blocked. */
int supervise_run(const struct supervise_options *options, int *ret, char why[SUPERVISE_WHY_BYTES]);

#endif
