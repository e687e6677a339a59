/* The threads of a trace as the simulated scheduler knows them. Private to the trace layer.
 *
 * A thread here is one life of a tid: the kernel gives tids away again, ids in a trace are never used twice. */
#ifndef PIKO_TRACE_THREAD_H
#define PIKO_TRACE_THREAD_H

#include "base/key_set.h"
#include "trace/trace.h"

#define THREADS_MAX 65536u     /* alive at once */
#define THREAD_REGIONS_MAX 64u /* open at once in one thread */

enum thread_state { THREAD_RUNNABLE, THREAD_RUNNING, THREAD_SYSCALL, THREAD_WAITING, THREAD_DEAD };

struct region {
    uint64_t task, text;
};

/* The function at the root of a thread's stacks, by which viewers group threads. */
struct thread_root {
    char *function, *file; /* the thread's; NULL: not known yet */
    uint64_t line, pc;
};

struct thread {
    uint64_t id; /* the tid, unless that was an id before */
    uint32_t tid;
    enum thread_state state;
    enum trace_reason reason; /* of waiting */
    uint64_t object, stack;   /* what and where it waits, or where its system call is */
    uint64_t text;            /* name of its system call */
    bool is_taken;            /* waiting, and none of its own events said so: the kernel took it from its core */
    bool lost_row;            /* in a system call, and was without its row since that began */
    bool is_fresh;            /* made, or seen by the kernel alone: its own start is still to come */
    bool goes_on;             /* waits as the trace starts, and the first generation has the end of that */
    bool is_new;              /* its start was seen, so nothing of it began before the trace */
    bool label_due;           /* the label was not yet written in this generation */
    uint32_t row;             /* that it holds; 0 none */
    uint32_t own_row;         /* thread rows: its own; core rows: the one it held last. 0 none */

    uint64_t name, label;    /* texts */
    uint64_t start_function; /* address; 0 unknown */
    uint64_t witness;        /* newest stack: its root tells the start function if nothing else does */
    struct thread_root root;

    struct region *regions; /* open ones, innermost last */
    uint32_t n_regions, regions_space;

    void *stream;      /* the encoder's */
    uint64_t sequence; /* the same */
};

struct trace_threads {
    struct key_set tids;
    struct thread **by_tid; /* by index of the tid; NULL: none alive */
    uint32_t by_tid_space;
    struct thread **list; /* the living, and those that died since the last burial, in order of their coming */
    uint32_t n, space;
    uint32_t n_alive;
    uint64_t *used_ids; /* a bit for each tid that was an id */
    uint64_t next_id;   /* for tids that come again */
};

/* 0 or -ENOMEM. */
int trace_threads_init(struct trace_threads *threads);
void trace_threads_done(struct trace_threads *threads);

/* The living thread of a tid, or NULL. */
static inline struct thread *trace_threads_find(const struct trace_threads *threads, uint32_t tid) {
    uint32_t index = key_set_find(&threads->tids, tid);
    return index == HASH_NONE ? NULL : threads->by_tid[index];
}

/* A new life of a tid that has none: runnable, without a row. *ret is NULL when there are too many. 0 or -ENOMEM. */
int trace_threads_add(struct trace_threads *threads, uint32_t tid, struct thread **ret);

/* Its life ends; what is known of it stays until the burial. */
void trace_threads_kill(struct trace_threads *threads, struct thread *thread);

/* Free those that died. */
void trace_threads_bury(struct trace_threads *threads);

#endif
