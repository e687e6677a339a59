/* One simulated scheduler that all events of a trace go through: what leaves it as steps is possible, in the order in
 * which it happened. Private to the trace layer.
 *
 * Thread rows: a thread has a row of its own while it lives, and holds it while it runs or is in a system call.
 * Core rows: a thread holds the row of the core that the kernel gave it, also for the moments that it takes to fall
 * asleep; a thread that runs, and nobody knows where, gets a row behind the cores. */
#ifndef PIKO_TRACE_SCHEDULER_H
#define PIKO_TRACE_SCHEDULER_H

#include "trace/encoder.h"
#include "trace/queue.h"

enum task_state { TASK_ENDED, TASK_OF_BEFORE, TASK_OF_THIS_TRACE };

struct scheduler {
    struct trace_options options;
    struct encoder *encoder;
    bool is_silent; /* before the trace's start: states change, nothing is written */
    uint64_t tick;  /* of the last step */
    struct trace_threads threads;
    struct rows rows;
    uint32_t *on_core;       /* core rows: tid that the kernel put there, also when it is no thread of ours */
    struct thread *last_ran; /* who may carry what belongs to no thread */
    struct key_set task_ids; /* of tasks that are active, or were since the last cleaning */
    uint8_t *task_states;    /* by index of the id: enum task_state */
    uint32_t tasks_space;
    uint32_t n_active_tasks;
    uint64_t first_task; /* lowest id that began in this trace; UINT64_MAX none */
    uint64_t repaired, dropped;
    int error; /* -ENOMEM, sticky */
};

#define SCHEDULER_TASKS_MAX ((uint32_t)1 << 20) /* active at once */

/* The encoder stays the caller's. 0 or -ENOMEM; scheduler_done() in both cases. */
int scheduler_init(struct scheduler *scheduler, const struct trace_options *options, struct encoder *encoder);
void scheduler_done(struct scheduler *scheduler);

/* What an event means. `queue` holds the returns that a wake brought about. */
void scheduler_event(struct scheduler *scheduler, const struct queued *queued, const struct queue *queue);

/* A thread is about to be made: the start's event, at the time when it was made. Nothing if its maker seems not to run:
 * the start will introduce it. */
void scheduler_create(struct scheduler *scheduler, const struct trace_event *event);

/* A thread that waits for `object` becomes runnable, woken by another; nothing if it does not. */
void scheduler_wake(struct scheduler *scheduler, uint32_t waiter, uint32_t waker, uint64_t object, uint64_t stack);

/* ---- Between scheduler.c, which knows events, and its parts -------------------------------------------------------- */

void scheduler_step(struct scheduler *scheduler, struct step step);
/* Make a thread run, whatever it did: its wait or call is over. */
void scheduler_run(struct scheduler *scheduler, struct thread *thread);
/* A running thread waits, or enters a call. */
void scheduler_block(struct scheduler *scheduler, struct thread *thread, const struct trace_event *event);
void scheduler_call(struct scheduler *scheduler, struct thread *thread, const struct trace_event *event);
/* The kernel takes a thread from its core, or puts it there. */
void scheduler_off_core(struct scheduler *scheduler, struct thread *thread, bool is_preempted);
void scheduler_on_core(struct scheduler *scheduler, struct thread *thread, uint32_t row);
/* A new thread, runnable and silent; one that makes itself known, and runs. NULL when there are too many. */
struct thread *scheduler_add(struct scheduler *scheduler, uint32_t tid);
struct thread *scheduler_introduce(struct scheduler *scheduler, uint32_t tid);
void scheduler_destroy(struct scheduler *scheduler, struct thread *thread);

/* Tasks and regions of a running thread. */
void annotate(struct scheduler *scheduler, struct thread *thread, const struct trace_event *event);
void close_regions(struct scheduler *scheduler, struct thread *thread, uint32_t down_to);

#endif
