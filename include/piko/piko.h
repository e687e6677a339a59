/* Piko: a program that profiles itself over HTTP, as Go programs do.
 *
 *     #include <piko/piko.h>
 *
 *     struct piko_profiling *profiling;
 *     int error = piko_profiling_start(&(struct piko_profiling_options){0}, &profiling);
 *     ...
 *     piko_profiling_stop(profiling);
 *
 * and then, from outside:
 *
 *     piko profile http://localhost:8080/
 *     go tool pprof http://localhost:6060/_piko/debug/pprof/profile
 *
 * Clean as C99 and as C++. Link with `pkg-config --cflags --libs piko`. */
#ifndef PIKO_PIKO_H
#define PIKO_PIKO_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define PIKO_EXPORT __attribute__((visibility("default")))
#else
#define PIKO_EXPORT
#endif

/* A rate of PIKO_OFF switches that profile off. */
#define PIKO_OFF (-1)

enum piko_log_level { PIKO_LOG_INFO = 0, PIKO_LOG_WARNING = 1, PIKO_LOG_ERROR = 2 };

/* Gets what there is to say, one line without its newline. May be called from any of Piko's threads, or from within
 * piko_profiling_start() and piko_profiling_stop(); must not call them. `message` lives for the call. */
typedef void (*piko_log_function)(void *data, enum piko_log_level level, const char *message);

/* Zero means default, for each field: `(struct piko_profiling_options){0}` is a good start. */
struct piko_profiling_options {
    int port;                 /* TCP port of the endpoints; 0 = 6060; 1 to 65535; PIKO_ANY_PORT = a free one */
    const char *bind_address; /* name or address to listen on; NULL = "localhost" */
    const char *unix_socket;  /* listen on a unix socket of this name, which this user alone may use, and on no port */
    const char *allow_hosts;  /* names that clients may use for it besides localhost and bind_address: "one,another" */
    const char *token_file;   /* what it holds is wanted as bearer token of every request; NULL = nothing is */
    int64_t block_rate_ns;    /* waits at least this long are always recorded, shorter ones in proportion; 0 = 1000 */
    int64_t mutex_fraction;   /* 1 in n contended unlocks is recorded; 0 = 10 */
    int64_t mem_profile_rate_bytes; /* one sample per so many bytes allocated, on average; 0 = 524288; 1 = everything */
    int cpu_rate_hz;   /* samples a second of CPU time, of captures that ask for no rate; 0 = 100; 1 to 1000 */
    int rolling_trace; /* not 0: keep a bounded window of the recent past */
    int64_t rolling_trace_min_age_ns; /* how far the window should reach back; 0 = 15 s */
    int64_t rolling_trace_max_bytes;  /* memory that it may take, which wins; 0 = 16 MiB */
    piko_log_function log;            /* NULL = one line on standard error */
    void *log_data;
};

#define PIKO_ANY_PORT (-1)

struct piko_profiling;

/* Start profiling and serve the endpoints under http://ADDRESS:PORT/_piko/.
 *
 * options   read during the call only; NULL = all defaults
 * ret       on success the handle for piko_profiling_stop(); untouched on failure
 *
 * Returns 0 or a negative errno, with the reason in a line to `log`: -EADDRINUSE (port in use: no other is tried),
 * -EINVAL (an option out of range: says which), -EALREADY (running already), -ENOMEM, -EACCES, ... On failure the
 * program is as it was.
 * Threads: any. Not in a signal handler. One profiling at a time in a process.
 *
 * The child of a fork is not profiled and does not listen; it can start a profiling of its own. */
PIKO_EXPORT int piko_profiling_start(const struct piko_profiling_options *options, struct piko_profiling **ret);

/* The port that is listened on; 0 = a unix socket is. */
PIKO_EXPORT int piko_profiling_port(const struct piko_profiling *profiling);

/* Stop: running captures end with what they have, threads are joined, the socket is closed. Start works again after it.
 * Takes NULL. Does nothing with the handle of a fork
 * child's parent. Returns 0. Threads: any, once per handle. Not in a signal handler. */
PIKO_EXPORT int piko_profiling_stop(struct piko_profiling *profiling);

/* ---- Programs that end by themselves ---------------------------------------------------------------------------------
 * A site generator, a compiler, a batch job: nothing is served; all of it, from start to stop, goes to files.
 *
 *     struct piko_generator_profiling *generator;
 *     piko_generator_profiling_start(NULL, &generator);
 *     ...
 *     piko_generator_profiling_stop(generator); */

/* Zero means default, for each field. */
struct piko_generator_profiling_options {
    const char *output_dir;         /* folder for the files, which is made; NULL = "profiles" */
    int64_t block_rate_ns;          /* as above, but 0 = 1: every wait */
    int64_t mutex_fraction;         /* 0 = 1: every contended unlock */
    int64_t mem_profile_rate_bytes; /* 0 = 4096 */
    piko_log_function log;          /* NULL = one line on standard error */
    void *log_data;
};

struct piko_generator_profiling;

/* Start recording. CPU time is sampled 1000 times a second, or as often as the kernel's tick allows, and an execution trace
 * of the last 64 MiB is kept.
 *
 * options   read during the call only; NULL = all defaults
 * ret       on success the handle for piko_generator_profiling_stop(); untouched on failure
 *
 * Returns 0 or a negative errno, with the reason in a line to `log`: -EACCES and its like (nothing can be written to
 * output_dir), -EINVAL, -EALREADY (profiling of either kind runs already), -ENOMEM. On failure the program is as it was.
 * Threads: any. Not in a signal handler. The child of a fork is not profiled.
 *
 * A program that ends without a stop writes the files as well: by exit() in any thread, _exit(), quick_exit() or exec…(), or by
 * a signal whose action is the default one. SIGKILL leaves nothing (`piko run --generator` is for that). */
PIKO_EXPORT int piko_generator_profiling_start(const struct piko_generator_profiling_options *options,
                                               struct piko_generator_profiling **ret);

/* Write cpu.pprof, heap.pprof, allocs.pprof, block.pprof, mutex.pprof, goroutine.pprof and trace.out, each whole or not at
 * all, and stop. Start works again after it; what was allocated and waited for is then counted on, as in Go.
 * Takes NULL. Does nothing with the handle of a fork child's parent. Returns 0 or a negative errno, with the reason in
 * a line to `log`; it has stopped all the same. Threads: any, once per handle. Not in a signal handler. */
PIKO_EXPORT int piko_generator_profiling_stop(struct piko_generator_profiling *generator);

/* ---- What the program does, in its own words: shown by execution traces (`go tool trace`: user-defined tasks, regions
 * and logs). While no trace is recorded each call costs a load and a branch, and no memory ever. They may be called at
 * any time from any thread, also in signal handlers, before the start, without one, and under `piko run`. What does not
 * fit together (an end without a beginning, crossed regions) is left out of the trace and does nothing else.
 *
 * Types and categories are names, of which there are few: "request", "parse" (up to 255 bytes; after some thousand
 * different ones new ones are shown without name). Strings are read during the call; NULL is "". */

/* A task is work that may cross threads, such as a request. parent: the task that it is a part of, 0 = none.
 * Returns its number, never 0. */
PIKO_EXPORT uint64_t piko_task_begin(uint64_t parent, const char *type);
PIKO_EXPORT void piko_task_end(uint64_t task);

/* A region is a part of what one thread does, within a task or none (0). Regions of a thread nest: the one that began last
 * ends first, with the same task and type. */
PIKO_EXPORT void piko_region_begin(uint64_t task, const char *type);
PIKO_EXPORT void piko_region_end(uint64_t task, const char *type);

/* Something worth a line (up to 240 bytes), within a task or none. */
PIKO_EXPORT void piko_log(uint64_t task, const char *category, const char *message);

/* ---- Labels: what the calling thread is busy with, as key and value: "route", "/users". Its samples in CPU profiles and
 * its entry in thread profiles carry them (`go tool pprof -tags`, `-tagfocus`), execution traces show them beside its name.
 *
 * Kept all the time, whether somebody looks or not: to set one costs some 50 ns, and no memory but for each new key, value and
 * set of them. They are names, of which there are few: after some thousand different ones new ones are left out (and
 * counted). Strings are copied, up to 255 bytes; a thread has up to 8 labels. A thread begins without any, as does the child of
 * a fork, and what is set before profiling has started is not kept. Any thread, also in signal handlers.
 *
 * Set: gives the key that value, in place of the one before. A value of NULL or "" is the same as to clear it.
 * Clear: takes it away; NULL = all of them. */
PIKO_EXPORT void piko_label_set(const char *key, const char *value);
PIKO_EXPORT void piko_label_clear(const char *key);

/* All labels of the calling thread as one number, and back again: to restore what was before, or to give them to another
 * thread of this process along with the work. 0 is none. */
PIKO_EXPORT uint64_t piko_labels_get(void);
PIKO_EXPORT void piko_labels_restore(uint64_t labels);

#ifdef __cplusplus
}
#endif

#endif
