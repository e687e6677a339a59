/* What each kind of event means for the simulated scheduler, and how contradictions are put right. */
#include "trace/scheduler.h"

#include <errno.h>

int scheduler_init(struct scheduler *scheduler, const struct trace_options *options, struct encoder *encoder) {
    *scheduler = (struct scheduler){.options = *options, .encoder = encoder, .first_task = UINT64_MAX};
    if (!options->core_rows)
        scheduler->options.cpus = 0;
    scheduler->on_core = calloc(scheduler->options.cpus + 1, sizeof *scheduler->on_core);
    if (!scheduler->on_core || trace_threads_init(&scheduler->threads) ||
        rows_init(&scheduler->rows, scheduler->options.cpus))
        return -ENOMEM;
    return 0;
}

void scheduler_done(struct scheduler *scheduler) {
    trace_threads_done(&scheduler->threads);
    rows_done(&scheduler->rows);
    key_set_done(&scheduler->task_ids);
    free(scheduler->task_states);
    free(scheduler->on_core);
}

/* The thread of an event, also when nothing was known of it. */
static struct thread *thread_of(struct scheduler *scheduler, const struct trace_event *event) {
    struct thread *thread = trace_threads_find(&scheduler->threads, event->thread);
    if (!thread)
        thread = scheduler_introduce(scheduler, event->thread);
    if (!thread) {
        scheduler->dropped++;
        return NULL;
    }
    thread->is_fresh = false;
    if (event->stack)
        thread->witness = event->stack;
    return thread;
}

/* The same, for events of which only a running thread is capable. */
static struct thread *running(struct scheduler *scheduler, const struct trace_event *event) {
    struct thread *thread = thread_of(scheduler, event);
    if (!thread || thread->state == THREAD_RUNNING)
        return thread;
    scheduler->repaired += thread->state != THREAD_RUNNABLE; /* preempted, or just made: it may be a clock's doing */
    scheduler_run(scheduler, thread);
    return thread->state == THREAD_RUNNING ? thread : NULL;
}

/* A running thread makes another, if it is known to run. */
static struct thread *create(struct scheduler *scheduler, uint32_t creator_tid, uint32_t tid, uint64_t stack) {
    struct thread *creator = trace_threads_find(&scheduler->threads, creator_tid);
    if (!creator || creator->state != THREAD_RUNNING || trace_threads_find(&scheduler->threads, tid))
        return NULL;
    struct thread *thread = scheduler_add(scheduler, tid);
    if (!thread)
        return NULL;
    thread->is_fresh = true;
    scheduler_step(scheduler, (struct step){.kind = STEP_CREATE, .thread = creator, .other = thread, .stack = stack});
    return thread;
}

void scheduler_create(struct scheduler *scheduler, const struct trace_event *event) {
    struct thread *thread = create(scheduler, event->peer, event->thread, event->stack);
    if (thread)
        thread->start_function = event->object;
}

static void thread_start(struct scheduler *scheduler, const struct trace_event *event) {
    struct thread *thread = trace_threads_find(&scheduler->threads, event->thread);
    if (thread && !thread->is_fresh) {
        scheduler->repaired++; /* the exit of an earlier thread of that tid was lost */
        scheduler_destroy(scheduler, thread);
        thread = NULL;
    }
    if (!thread)
        thread = create(scheduler, event->peer, event->thread, event->stack);
    if (!thread)
        thread = scheduler_introduce(scheduler, event->thread);
    if (!thread) {
        scheduler->dropped++;
        return;
    }
    thread->is_fresh = false;
    thread->is_new = !scheduler->is_silent;
    thread->start_function = event->object;
    thread->name = event->text;
    thread->label_due = true;
    scheduler_run(scheduler, thread);
}

static void relabel(struct scheduler *scheduler, const struct trace_event *event) {
    struct thread *thread = thread_of(scheduler, event);
    if (!thread)
        return;
    if (event->kind == TRACE_THREAD_NAME)
        thread->name = event->text;
    else
        thread->label = event->text;
    thread->label_due = thread->state != THREAD_RUNNING;
    if (!thread->label_due)
        scheduler_step(scheduler, (struct step){.kind = STEP_LABEL, .thread = thread});
}

static bool agrees(const struct thread *thread, const struct trace_event *event) {
    if (event->reason == TRACE_RUNNING)
        return thread->state == THREAD_RUNNING || (thread->state == THREAD_RUNNABLE && !thread->reason);
    if (event->reason == TRACE_SYSCALL)
        return thread->state == THREAD_SYSCALL;
    return (thread->state == THREAD_WAITING || thread->state == THREAD_RUNNABLE) && thread->reason == event->reason &&
           thread->object == event->object;
}

static void state(struct scheduler *scheduler, const struct trace_event *event) {
    bool was_known = trace_threads_find(&scheduler->threads, event->thread);
    struct thread *thread = thread_of(scheduler, event);
    if (!thread || agrees(thread, event))
        return;
    scheduler->repaired += was_known && !scheduler->is_silent;
    scheduler_run(scheduler, thread);
    if (thread->state != THREAD_RUNNING || event->reason == TRACE_RUNNING)
        return;
    if (event->reason == TRACE_SYSCALL)
        scheduler_call(scheduler, thread, event);
    else
        scheduler_block(scheduler, thread, event);
}

/* With core rows the kernel has mostly told already that the thread runs again. */
static void unblock(struct scheduler *scheduler, const struct trace_event *event) {
    struct thread *thread = thread_of(scheduler, event);
    if (!thread)
        return;
    if (thread->state == THREAD_WAITING || thread->state == THREAD_RUNNABLE)
        scheduler_run(scheduler, thread);
    else if (thread->state == THREAD_SYSCALL || !scheduler->options.core_rows)
        scheduler->dropped++;
}

static void call_end(struct scheduler *scheduler, const struct trace_event *event) {
    struct thread *thread = thread_of(scheduler, event);
    if (thread && thread->state == THREAD_SYSCALL)
        scheduler_run(scheduler, thread);
    else if (thread)
        scheduler->dropped++;
}

static void wake(struct scheduler *scheduler, const struct queued *queued, const struct queue *queue) {
    if (!thread_of(scheduler, &queued->event))
        return;
    for (uint32_t i = queued->woken; i != QUEUE_NONE; i = queue->events[i].woken)
        scheduler_wake(scheduler, queue->events[i].event.thread, queued->event.thread, queued->event.object,
                       queued->event.stack);
}

/* Heap sizes belong to nobody, but a Go trace wants them on some row. */
static void heap(struct scheduler *scheduler, const struct trace_event *event) {
    struct thread *thread = trace_threads_find(&scheduler->threads, event->thread);
    if (!thread || !thread->row)
        thread = scheduler->last_ran;
    for (uint32_t i = 0; (!thread || !thread->row) && i < scheduler->threads.n; i++)
        thread = scheduler->threads.list[i];
    scheduler_step(
        scheduler,
        (struct step){.kind = STEP_HEAP, .thread = thread && thread->row ? thread : NULL, .value = event->value});
}

/* Threads that no other event told of are none of ours, or end: they only keep their core from others. */
static void core_switch(struct scheduler *scheduler, const struct trace_event *event) {
    if (!scheduler->options.core_rows)
        return;
    if (event->cpu >= scheduler->options.cpus) {
        scheduler->dropped++;
        return;
    }
    struct thread *thread = trace_threads_find(&scheduler->threads, event->thread);
    uint32_t *on_core = &scheduler->on_core[event->cpu];
    if (event->kind == TRACE_SWITCH_IN) {
        *on_core = event->thread;
        if (thread)
            scheduler_on_core(scheduler, thread, event->cpu + 1u);
        return;
    }
    if (*on_core == event->thread)
        *on_core = 0;
    if (thread)
        scheduler_off_core(scheduler, thread, event->value == 1);
}

static void sample(struct scheduler *scheduler, const struct trace_event *event) {
    struct thread *thread = thread_of(scheduler, event);
    if (thread)
        scheduler_step(scheduler, (struct step){.kind = STEP_SAMPLE, .thread = thread, .stack = event->stack});
}

static void thread_exit(struct scheduler *scheduler, const struct trace_event *event) {
    struct thread *thread = trace_threads_find(&scheduler->threads, event->thread);
    if (!thread) {
        scheduler->dropped++;
        return;
    }
    scheduler->repaired += thread->state == THREAD_WAITING || thread->state == THREAD_SYSCALL;
    scheduler_destroy(scheduler, thread);
}

static void own_event(struct scheduler *scheduler, const struct trace_event *event) {
    struct thread *thread = running(scheduler, event);
    if (!thread)
        return;
    if (event->kind == TRACE_BLOCK)
        scheduler_block(scheduler, thread, event);
    else if (event->kind == TRACE_SYSCALL_BEGIN)
        scheduler_call(scheduler, thread, event);
    else
        annotate(scheduler, thread, event);
}

void scheduler_event(struct scheduler *scheduler, const struct queued *queued, const struct queue *queue) {
    const struct trace_event *event = &queued->event;
    if (scheduler->error)
        return;
    if (event->kind == TRACE_HEAP) {
        heap(scheduler, event);
        return;
    }
    if (!event->thread) {
        scheduler->dropped++;
        return;
    }
    switch (event->kind) {
    case TRACE_THREAD_START:
        thread_start(scheduler, event);
        break;
    case TRACE_THREAD_EXIT:
        thread_exit(scheduler, event);
        break;
    case TRACE_THREAD_NAME:
    case TRACE_LABEL:
        relabel(scheduler, event);
        break;
    case TRACE_STATE:
        state(scheduler, event);
        break;
    case TRACE_UNBLOCK:
        unblock(scheduler, event);
        break;
    case TRACE_WAKE:
        wake(scheduler, queued, queue);
        break;
    case TRACE_SYSCALL_END:
        call_end(scheduler, event);
        break;
    case TRACE_CPU_SAMPLE:
        sample(scheduler, event);
        break;
    case TRACE_SWITCH_IN:
    case TRACE_SWITCH_OUT:
        core_switch(scheduler, event);
        break;
    case TRACE_BLOCK:
    case TRACE_SYSCALL_BEGIN:
    case TRACE_TASK_BEGIN:
    case TRACE_TASK_END:
    case TRACE_REGION_BEGIN:
    case TRACE_REGION_END:
    case TRACE_LOG:
        own_event(scheduler, event);
        break;
    default:
        scheduler->dropped++;
    }
}
