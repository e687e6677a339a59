/* Execution traces: plain events in, the bytes of a trace file out. Go's format, for `go tool trace`, or Perfetto's.
 *
 * A trace is a sequence of generations, each with its own tables and with what every thread does at its start. One is
 * written by each flush; so a caller may send and forget them one by one, and a window may lose its oldest: header and
 * any later part of the generations are a trace. What the writer holds is the events of one generation.
 *
 * Events may be incomplete, contradict each other and come from a hostile program: the file is well-formed all the same.
 * What contradicts what is known of a thread is put right where one way is plausible (an event of a thread that seemed
 * to wait proves that it runs), left out otherwise, and counted (struct trace_figures).
 *
 * Knows no server and no segment. Errors: 0 or a negative errno; -ENOMEM is sticky, the writer can then only be freed.
 * Threads: one at a time per writer. Ordinary context. */
#ifndef PIKO_TRACE_TRACE_H
#define PIKO_TRACE_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

/* What a thread does. From TRACE_MUTEX on it is blocked, for that reason. */
enum trace_reason {
    TRACE_RUNNING, /* or runnable */
    TRACE_SYSCALL, /* in a system call that may block */
    TRACE_MUTEX,
    TRACE_RWLOCK,
    TRACE_COND,
    TRACE_SEMAPHORE,
    TRACE_BARRIER,
    TRACE_JOIN,
    TRACE_FUTEX,
    TRACE_NETWORK, /* a socket, or poll and its like */
    TRACE_SLEEP,
    TRACE_CHILD, /* a child process */
    TRACE_OTHER, /* blocked, and nobody said in what */
    TRACE_N_REASONS,
};

/* Fields not named are ignored. `thread` is whose event it is; `stack` is where, 0 = unknown. */
enum trace_kind {
    /* There is a new thread. peer: who made it, 0 unknown; stack: where; object: address of its start function, 0
     * unknown; value: when it was made, 0 = at time_ns, which is when it first ran; text: its name, 0 unknown.
     * At or before the trace's start it introduces a thread that was there. Threads without it are introduced by their
     * first event. A tid may start again; that is another thread then. */
    TRACE_THREAD_START,
    TRACE_THREAD_EXIT,
    TRACE_THREAD_NAME, /* text */

    /* What the thread does now, for the trace's start and after a gap: no news when it is what the events say. reason,
     * stack, object as in TRACE_BLOCK; text as in TRACE_SYSCALL_BEGIN; value: since when, 0 unknown. */
    TRACE_STATE,

    TRACE_BLOCK,   /* begins to wait. reason: TRACE_MUTEX or later; object: what for, 0 = nobody wakes it by name */
    TRACE_UNBLOCK, /* the wait is over and the thread runs. value: 1 = by its time limit: nobody woke it */
    /* May let others go on that wait for `object` (unlock, signal, post, exit). Matched with the return of waiters:
     * each was woken by the newest wake of another thread on its object since it blocked. So time_ns must be read
     * before the waiter can return. */
    TRACE_WAKE,
    TRACE_SYSCALL_BEGIN, /* text: its name, 0 = the stack's leaf tells */
    TRACE_SYSCALL_END,

    TRACE_CPU_SAMPLE, /* allowed in any state */
    TRACE_HEAP,       /* value: bytes in use */

    TRACE_TASK_BEGIN,   /* object: id, never reused; value: id of the parent, 0 none; text: type */
    TRACE_TASK_END,     /* object: id; by any thread */
    TRACE_REGION_BEGIN, /* object: id of the task, 0 none; text: type */
    TRACE_REGION_END,   /* the same */
    TRACE_LOG,          /* object: id of the task, 0 none; text: category; value: text of the message */
    TRACE_LABEL,        /* text: the thread's label from now on, 0 none */

    /* What the kernel did, for core rows. cpu; value of _OUT: 1 = preempted, could have gone on. */
    TRACE_SWITCH_IN,
    TRACE_SWITCH_OUT,
    TRACE_N_KINDS,
};

struct trace_event {
    uint64_t time_ns; /* CLOCK_MONOTONIC */
    uint32_t thread;  /* tid, never 0 */
    uint32_t peer;    /* tid */
    uint64_t stack;   /* key for trace_source.stack; 0 none */
    uint64_t object;
    uint64_t value;
    uint64_t text;   /* key for trace_source.text; 0 none. Equal keys are equal texts */
    uint16_t kind;   /* enum trace_kind */
    uint16_t reason; /* enum trace_reason */
    uint16_t cpu;
};

/* One function of a stack. Strings live until the next call of the source. */
struct trace_frame {
    const char *function; /* "" unknown */
    const char *file;     /* "" unknown */
    uint64_t line;        /* 0 unknown */
    uint64_t pc;          /* the same for all functions inlined at one address, and only for these */
};

#define TRACE_FRAMES_MAX 128u /* of a stack; what is further from the leaf is cut off */

/* Where keys are turned into names. Called by flush alone, once for each key of the generation, so a source keeps what
 * was dear to find. Frames of libc and of thread trampolines at the root are the writer's to cut. */
struct trace_source {
    void *context;
    /* The keys of stacks and the addresses of start functions that are asked for next. NULL when nothing is to be gained
     * by knowing them together. 0 or a negative errno, which ends the flush. */
    int (*prepare)(void *context, const uint64_t *stacks, size_t n_stacks, const uint64_t *functions,
                   size_t n_functions);
    /* Frames of a stack, leaf first, inlined ones expanded; at most TRACE_FRAMES_MAX are written to `ret`. *ret_whole:
     * the walk reached the thread's root (it is true when called). Returns their number, 0 when the key is unknown. */
    size_t (*stack)(void *context, uint64_t stack, struct trace_frame ret[], bool *ret_whole);
    /* The function at an address; false when unknown. */
    bool (*function)(void *context, uint64_t address, struct trace_frame *ret);
    /* A string, "" when unknown; any bytes, of which 1024 are used. */
    const char *(*text)(void *context, uint64_t text);
};

enum trace_format {
    TRACE_GO_1_22,
    TRACE_GO_1_23, /* the default: read by every `go tool trace` since */
    TRACE_GO_1_25,
    TRACE_GO_1_26,
    TRACE_PERFETTO,
};

struct trace_options {
    enum trace_format format;
    bool core_rows;       /* rows are CPUs and TRACE_SWITCH_… tell who runs; else each thread has a row of its own */
    unsigned cpus;        /* for core rows: CPUs of the machine, numbers 0 to cpus - 1 */
    uint64_t start_ns;    /* CLOCK_MONOTONIC at which the trace starts; earlier events only set up the start */
    uint64_t realtime_ns; /* CLOCK_REALTIME at start_ns; 0 unknown */
    uint32_t pid;         /* of the traced process, and its name: for Perfetto */
    const char *process_name;
};

struct trace_writer;

/* Options and source are copied, their strings and context are not. 0 or -ENOMEM. trace_writer_free() takes NULL. */
int trace_writer_new(const struct trace_options *options, const struct trace_source *source, struct trace_writer **ret);
void trace_writer_free(struct trace_writer *writer);

/* Take events (copied). They may come in any order; cheapest is what rings give, long runs that ascend in time. Those
 * from before the end of the last generation count at that end (figures.late). 0 or -ENOMEM. */
int trace_writer_add(struct trace_writer *writer, const struct trace_event *events, size_t n);

/* Append one generation to `ret`, from the end of the last one (the first: from start_ns) to until_ns (exclusive), which
 * is to be later: all events added so far that are earlier than until_ns. The first is preceded by the header. Later
 * events stay for the next. Every thread's events up to until_ns should have been added: so read the clock, then the
 * rings, then flush to that clock. A second of events or 250,000 of them is a good size.
 * 0, -ENOMEM, or `ret`'s error. */
int trace_writer_flush(struct trace_writer *writer, uint64_t until_ns, struct buffer *ret);

struct trace_figures {
    uint64_t events;      /* taken */
    uint64_t late;        /* of these, too late for their generation */
    uint64_t repaired;    /* changes that no event told of and others prove: lost records, crossed regions */
    uint64_t dropped;     /* events that could not be: unknown kinds, ends without a begin, too many of a thing */
    uint64_t generations; /* written */
    uint64_t threads;     /* known now */
};
void trace_writer_figures(const struct trace_writer *writer, struct trace_figures *ret);

/* The words of a reason as they stand in Go traces, "sync (mutex)"; NULL for no reason of blocking. */
const char *trace_reason_text(enum trace_reason reason);

#endif
