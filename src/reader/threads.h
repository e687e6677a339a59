/* The target's threads, ours left out. */
#ifndef PIKO_READER_THREADS_H
#define PIKO_READER_THREADS_H

#include "reader/outside.h"
#include "reader/validate.h"

struct thread_row {
    uint32_t index; /* of its record */
    uint32_t tid;
    enum segment_thread_state state;
    uint64_t since_ns;          /* CLOCK_MONOTONIC; 0 unknown */
    uint64_t started_ns;        /* the same; 0 = was there before us */
    uint32_t stack;             /* id; 0 = none is known */
    uint64_t pc;                /* without a stack: of the call in which it waits; 0 unknown */
    struct outside_place place; /* where it waits, as its hook published it; all 0 when it does not */
    struct view_stack *outside; /* as it was read from outside, in place of both; the row's own; NULL = it was not */
    uint32_t create_stack;      /* id; 0 unknown */
    uint32_t labels;            /* id of a set; 0 none */
    char name[SEGMENT_THREAD_NAME_BYTES];
};

struct threads {
    struct thread_row *rows; /* ascending by tid */
    size_t n;
};

/* Of a process that does not answer: where its threads are now, as far as that can be told from outside within half a
 * second. `pid` as the supervisor sees it. */
void threads_look_outside(struct threads *threads, uint32_t pid);

/* The stack of a row; of the one call that is known when there is none. False when nothing is. */
bool threads_stack(const struct view *view, const struct thread_row *row, struct view_stack *ret);

/* The live threads, with what dump `seq` or a newer one says of each (0 = whatever dump is the newest).
 * 0 or -ENOMEM. threads_done() frees the content. */
int threads_take(const struct view *view, uint64_t seq, struct threads *ret);
void threads_done(struct threads *threads);

uint64_t threads_count(const struct view *view);

/* "mutex wait": the word of Go's dump for a state. */
const char *threads_state_name(enum segment_thread_state state);

#endif
