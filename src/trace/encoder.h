/* The seam between the simulated scheduler and the formats. Private to the trace layer.
 *
 * What comes through it is consistent, whatever the events were: a step is only made in a state that allows it, and
 * ticks ascend strictly. So an encoder writes and does not doubt. */
#ifndef PIKO_TRACE_ENCODER_H
#define PIKO_TRACE_ENCODER_H

#include "base/buffer.h"
#include "trace/rows.h"

enum step_kind {
    STEP_CREATE,    /* thread makes `other`, which is then runnable; thread == other: nobody is known to have made it */
    STEP_START,     /* runnable thread with a row: it runs */
    STEP_STOP,      /* running: preempted, runnable */
    STEP_BLOCK,     /* running: waits, for thread->reason, at thread->stack */
    STEP_UNBLOCK,   /* waiting `other` becomes runnable, by thread, at stack; thread == other: nobody woke it */
    STEP_DESTROY,   /* running: its life ends */
    STEP_ROW_START, /* thread without a row: takes thread->row */
    STEP_ROW_STOP,  /* thread with a row: gives up `row` */
    STEP_CALL_BEGIN,       /* running: enters a system call, thread->text, at thread->stack */
    STEP_CALL_END,         /* in a call, kept its row: runs */
    STEP_CALL_END_BLOCKED, /* in a call, lost its row since (and may have another): runnable */
    STEP_SAMPLE,           /* any state: stack */
    STEP_HEAP,             /* thread with a row: value bytes */

    /* Of a running thread: */
    STEP_TASK_BEGIN,   /* object id, value parent, text, stack */
    STEP_TASK_END,     /* object id, value 1: it began in this trace, stack */
    STEP_REGION_BEGIN, /* object task, text, stack */
    STEP_REGION_END,   /* the same; of the innermost, or of one that began before the trace when none is open */
    STEP_LOG,          /* object task, text category, value text of the message, stack */
    STEP_LABEL,        /* thread->name or label may have changed, or a generation has begun */
};

struct step {
    enum step_kind kind;
    uint32_t row;
    uint64_t tick; /* nanoseconds since just before the trace's start: the first is 1 */
    struct thread *thread, *other;
    uint64_t stack, object, value, text;
};

struct generation {
    uint32_t number; /* from 1 */
    uint64_t tick;   /* at which it starts, before all of its steps */
    struct trace_threads *threads;
    struct rows *rows;
};

struct encoder {
    /* Write what all threads do now, using ticks from generation->tick on; returns the last one used. */
    uint64_t (*begin)(struct encoder *encoder, const struct generation *generation);
    void (*step)(struct encoder *encoder, const struct step *step);
    /* Write the rest of the generation, which lasts to until_tick. 0 or a negative errno, also of calls before. */
    int (*end)(struct encoder *encoder, uint64_t until_tick, struct buffer *ret);
    /* Drop what hangs on a thread that is about to be freed. */
    void (*forget_thread)(struct encoder *encoder, struct thread *thread);
    void (*free)(struct encoder *encoder);
};

/* NULL when memory ran out. The options' strings are not copied. */
struct encoder *go_encoder_new(const struct trace_options *options, const struct trace_source *source);
struct encoder *perfetto_encoder_new(const struct trace_options *options, const struct trace_source *source);

#endif
