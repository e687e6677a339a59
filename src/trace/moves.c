/* The moves of the simulated scheduler: each leaves a thread and its row in a state that the next may rely on. */
#include <errno.h>

#include "trace/scheduler.h"

void scheduler_step(struct scheduler *scheduler, struct step step) {
    if (scheduler->is_silent)
        return;
    step.tick = ++scheduler->tick;
    scheduler->encoder->step(scheduler->encoder, &step);
}

static void take_row(struct scheduler *scheduler, struct thread *thread, uint32_t row) {
    scheduler->rows.rows[row].holder = thread;
    thread->row = thread->own_row = row;
    scheduler_step(scheduler, (struct step){.kind = STEP_ROW_START, .thread = thread, .row = row});
}

static void drop_row(struct scheduler *scheduler, struct thread *thread) {
    uint32_t row = thread->row;
    scheduler->rows.rows[row].holder = NULL;
    thread->row = 0;
    if (scheduler->options.core_rows)
        rows_give_back(&scheduler->rows, row);
    scheduler_step(scheduler, (struct step){.kind = STEP_ROW_STOP, .thread = thread, .row = row});
}

/* The core on which the kernel says a thread is, as a row; 0 unknown. */
static uint32_t row_of_core(const struct scheduler *scheduler, uint32_t tid) {
    for (uint32_t core = 0; core < scheduler->options.cpus; core++)
        if (scheduler->on_core[core] == tid)
            return core + 1;
    return 0;
}

static bool is_free(const struct scheduler *scheduler, uint32_t row) {
    return row && row <= scheduler->options.cpus && !scheduler->on_core[row - 1] && !scheduler->rows.rows[row].holder;
}

/* Where a thread runs of which nobody said where: with core rows that is the core of its last time, as a clock may be a
 * little behind, else a row behind the cores. */
static void take_some_row(struct scheduler *scheduler, struct thread *thread) {
    uint32_t row = thread->own_row;
    if (scheduler->options.core_rows) {
        uint32_t core = row_of_core(scheduler, thread->tid);
        if (core && scheduler->rows.rows[core].holder)
            scheduler_off_core(scheduler, scheduler->rows.rows[core].holder, true);
        row = core ? core : is_free(scheduler, row) ? row : rows_take(&scheduler->rows);
    }
    if (!row)
        scheduler->error = -ENOMEM;
    else
        take_row(scheduler, thread, row);
}

static void start(struct scheduler *scheduler, struct thread *thread) {
    if (!thread->row)
        take_some_row(scheduler, thread);
    if (!thread->row)
        return;
    thread->state = THREAD_RUNNING;
    thread->reason = TRACE_RUNNING;
    thread->object = thread->text = 0;
    thread->is_taken = thread->lost_row = false;
    scheduler->last_ran = thread;
    scheduler_step(scheduler, (struct step){.kind = STEP_START, .thread = thread});
    if (thread->label_due)
        scheduler_step(scheduler, (struct step){.kind = STEP_LABEL, .thread = thread});
    thread->label_due = false;
}

static void unblock(struct scheduler *scheduler, struct thread *by, struct thread *thread, uint64_t stack) {
    thread->state = THREAD_RUNNABLE;
    scheduler_step(scheduler, (struct step){.kind = STEP_UNBLOCK, .thread = by, .other = thread, .stack = stack});
}

static void end_call(struct scheduler *scheduler, struct thread *thread) {
    if (thread->lost_row) {
        if (!thread->row)
            take_some_row(scheduler, thread);
        thread->state = THREAD_RUNNABLE;
        scheduler_step(scheduler, (struct step){.kind = STEP_CALL_END_BLOCKED, .thread = thread});
        return;
    }
    thread->state = THREAD_RUNNING;
    thread->text = 0;
    scheduler_step(scheduler, (struct step){.kind = STEP_CALL_END, .thread = thread});
}

void scheduler_run(struct scheduler *scheduler, struct thread *thread) {
    if (thread->state == THREAD_WAITING)
        unblock(scheduler, thread, thread, 0);
    if (thread->state == THREAD_SYSCALL)
        end_call(scheduler, thread);
    if (thread->state == THREAD_RUNNABLE)
        start(scheduler, thread);
}

void scheduler_block(struct scheduler *scheduler, struct thread *thread, const struct trace_event *event) {
    thread->state = THREAD_WAITING;
    thread->reason = event->reason < TRACE_MUTEX || event->reason >= TRACE_N_REASONS ? TRACE_OTHER
                                                                                     : (enum trace_reason)event->reason;
    thread->object = event->object;
    thread->stack = event->stack;
    scheduler_step(scheduler, (struct step){.kind = STEP_BLOCK, .thread = thread, .stack = thread->stack});
    if (!scheduler->options.core_rows)
        drop_row(scheduler, thread);
}

void scheduler_call(struct scheduler *scheduler, struct thread *thread, const struct trace_event *event) {
    thread->state = THREAD_SYSCALL;
    thread->stack = event->stack;
    thread->text = event->text;
    scheduler_step(
        scheduler,
        (struct step){
            .kind = STEP_CALL_BEGIN, .thread = thread, .row = thread->row, .stack = event->stack, .text = event->text});
}

void scheduler_wake(struct scheduler *scheduler, uint32_t waiter, uint32_t waker, uint64_t object, uint64_t stack) {
    struct thread *thread = trace_threads_find(&scheduler->threads, waiter);
    struct thread *by = trace_threads_find(&scheduler->threads, waker);
    if (thread && thread->state == THREAD_WAITING && thread->object == object && !thread->is_taken)
        unblock(scheduler, by ? by : thread, thread, by ? stack : 0);
}

void scheduler_off_core(struct scheduler *scheduler, struct thread *thread, bool is_preempted) {
    if (thread->state == THREAD_RUNNING && is_preempted) {
        thread->state = THREAD_RUNNABLE;
        scheduler_step(scheduler, (struct step){.kind = STEP_STOP, .thread = thread});
    } else if (thread->state == THREAD_RUNNING) {
        scheduler_block(scheduler, thread, &(struct trace_event){.reason = TRACE_OTHER});
        thread->is_taken = true;
    } else if (thread->state == THREAD_SYSCALL && thread->row) {
        thread->lost_row = true;
    }
    if (thread->row)
        drop_row(scheduler, thread);
}

void scheduler_on_core(struct scheduler *scheduler, struct thread *thread, uint32_t row) {
    if (thread->row == row)
        return;
    struct thread *holder = scheduler->rows.rows[row].holder;
    if (holder) {
        scheduler->repaired++;
        scheduler_off_core(scheduler, holder, true);
    }
    if (thread->row)
        scheduler_off_core(scheduler, thread, true);
    take_row(scheduler, thread, row);
    if (thread->state == THREAD_RUNNABLE || (thread->state == THREAD_WAITING && thread->is_taken))
        scheduler_run(scheduler, thread);
}

struct thread *scheduler_add(struct scheduler *scheduler, uint32_t tid) {
    struct thread *thread;
    if (trace_threads_add(&scheduler->threads, tid, &thread))
        scheduler->error = -ENOMEM;
    if (thread && !scheduler->options.core_rows && !(thread->own_row = rows_take(&scheduler->rows)))
        scheduler->error = -ENOMEM;
    return scheduler->error ? NULL : thread;
}

/* A thread makes itself known on its own row: that needs nothing of any other. */
struct thread *scheduler_introduce(struct scheduler *scheduler, uint32_t tid) {
    struct thread *thread = scheduler_add(scheduler, tid);
    if (!thread)
        return NULL;
    take_some_row(scheduler, thread);
    scheduler_step(scheduler, (struct step){.kind = STEP_CREATE, .thread = thread, .other = thread});
    scheduler_run(scheduler, thread);
    return scheduler->error ? NULL : thread;
}

void scheduler_destroy(struct scheduler *scheduler, struct thread *thread) {
    scheduler_run(scheduler, thread);
    if (thread->state != THREAD_RUNNING)
        return; /* out of memory */
    close_regions(scheduler, thread, 0);
    scheduler_step(scheduler, (struct step){.kind = STEP_DESTROY, .thread = thread});
    drop_row(scheduler, thread);
    if (!scheduler->options.core_rows)
        rows_give_back(&scheduler->rows, thread->own_row);
    if (scheduler->last_ran == thread)
        scheduler->last_ran = NULL;
    trace_threads_kill(&scheduler->threads, thread);
}
