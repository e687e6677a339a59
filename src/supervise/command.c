#include "supervise/command.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"

#define PRELOAD "LD_PRELOAD="
#define PROBE HELLO_VARIABLE "="
#define SANITIZER "ASAN_OPTIONS="
#define PROBE_BYTES 256u

/* The environment of the command: ours, with the two variables of the probe put in, and what makes AddressSanitizer stand a
 * library before its own, in the command or in a process of its. */
struct surroundings {
    char **list;
    char *preload, *sanitizer;
    char probe[PROBE_BYTES];
};

static void surroundings_done(struct surroundings *surroundings) {
    free(surroundings->list);
    free(surroundings->preload);
    free(surroundings->sanitizer);
}

static bool is_replaced(const char *variable) {
    static const char *const replaced[] = {PRELOAD, PROBE, SANITIZER};
    for (size_t i = 0; i < sizeof(replaced) / sizeof(replaced[0]); i++)
        if (strncmp(variable, replaced[i], strlen(replaced[i])) == 0)
            return true;
    return false;
}

/* NAME=FIRST:what was there before, or NULL. */
static char *join(const char *name, const char *first, const char *before) {
    char *ret;
    int n = asprintf(&ret, "%s%s%s%s", name, first, before && *before ? ":" : "", before ? before : "");
    return n < 0 ? NULL : ret;
}

/* What is preloaded already stays, behind us; of a sanitizer's options the last one counts, so the user's do. */
static int surroundings_make(const char *probe, struct surroundings *ret) {
    size_t n = 0, kept = 0;
    while (environ[n])
        n++;
    ret->list = calloc(n + 4, sizeof(char *));
    ret->preload = join(PRELOAD, probe, getenv("LD_PRELOAD"));
    ret->sanitizer = join(SANITIZER, "verify_asan_link_order=0", getenv("ASAN_OPTIONS"));
    if (!ret->list || !ret->preload || !ret->sanitizer)
        return -ENOMEM;
    ret->list[kept++] = ret->preload;
    ret->list[kept++] = ret->probe;
    ret->list[kept++] = ret->sanitizer;
    for (size_t i = 0; i < n; i++)
        if (!is_replaced(environ[i]))
            ret->list[kept++] = environ[i];
    return 0;
}

static void write_settings(const struct supervise_options *options, const struct registrar *registrar, pid_t only,
                           char ret[PROBE_BYTES]) {
    snprintf(ret, PROBE_BYTES,
             PROBE "%s,%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu32 ",%" PRIu64 ",%" PRIu64 ",%u,%d,%u",
             registrar->name, registrar->token, options->mem_profile_rate_bytes, options->block_rate_ns,
             options->mutex_fraction, options->trace_min_age_ns, options->trace_bytes_max,
             options->generator ? options->cpu_rate_hz : 0, (int)only, HELLO_VERSION);
}

/* In the child: never returns. The pipe, closed by a successful exec, takes the reason of a failed one. */
static void become(const struct supervise_options *options, const struct command_start *start,
                   struct surroundings *surroundings, int failure) {
    write_settings(options, start->registrar, options->first_only ? getpid() : 0, surroundings->probe);
    signal(SIGPIPE, SIG_DFL);
    sigprocmask(SIG_SETMASK, start->mask, NULL);
    execve(start->path, options->argv, start->probe ? surroundings->list : environ);
    int error = errno;
    ssize_t n = write(failure, &error, sizeof(error));
    _exit(n == sizeof(error) ? 126 : 127);
}

static int wait_for_exec(pid_t pid, int failure) {
    int error = 0;
    ssize_t n;
    do
        n = read(failure, &error, sizeof(error));
    while (n < 0 && errno == EINTR);
    if (n != sizeof(error))
        return 0;
    waitpid(pid, NULL, 0);
    return -error;
}

int command_start(const struct supervise_options *options, const struct command_start *start, pid_t *ret) {
    struct surroundings surroundings = {0};
    int error = surroundings_make(start->probe ? start->probe : "", &surroundings), ends[2];
    if (!error && pipe2(ends, O_CLOEXEC))
        error = -errno;
    if (error) {
        surroundings_done(&surroundings);
        return error;
    }
    pid_t pid = fork();
    if (pid == 0)
        become(options, start, &surroundings, ends[1]);
    error = pid < 0 ? -errno : 0;
    close(ends[1]);
    if (!error)
        error = wait_for_exec(pid, ends[0]);
    close(ends[0]);
    surroundings_done(&surroundings);
    if (!error)
        *ret = pid;
    return error;
}
