/* Tasks, regions and logs. Readers of Go's format refuse a whole file for one region that is closed out of order, and the
 * callers of a C interface make such mistakes; so only what is well-formed passes. */
#include "base/grow.h"
#include "trace/scheduler.h"

#define SPARE_TASKS 1024u

static void annotation(struct scheduler *scheduler, enum step_kind kind, struct thread *thread,
                       const struct trace_event *event) {
    scheduler_step(scheduler, (struct step){.kind = kind,
                                            .thread = thread,
                                            .stack = event->stack,
                                            .object = event->object,
                                            .value = event->value,
                                            .text = event->text});
}

/* Ids only grow, so those that ended need not be remembered for ever. */
static void forget_tasks(struct scheduler *scheduler) {
    struct key_set *ids = &scheduler->task_ids;
    if (ids->n < 2 * scheduler->n_active_tasks + SPARE_TASKS)
        return;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < ids->n; i++) {
        if (!scheduler->task_states[i])
            continue;
        ids->keys[kept] = ids->keys[i];
        scheduler->task_states[kept++] = scheduler->task_states[i];
    }
    key_set_keep(ids, kept);
}

static void begin_task(struct scheduler *scheduler, struct thread *thread, const struct trace_event *event) {
    uint32_t index = key_set_find(&scheduler->task_ids, event->object);
    if (!event->object || scheduler->n_active_tasks >= SCHEDULER_TASKS_MAX ||
        (index != HASH_NONE && scheduler->task_states[index])) {
        scheduler->dropped++;
        return;
    }
    forget_tasks(scheduler);
    if (grow_array(&scheduler->task_states, &scheduler->tasks_space, scheduler->task_ids.n, 1) ||
        (index = key_set_add(&scheduler->task_ids, event->object)) == HASH_NONE) {
        scheduler->error = -ENOMEM;
        return;
    }
    scheduler->task_states[index] = scheduler->is_silent ? TASK_OF_BEFORE : TASK_OF_THIS_TRACE;
    scheduler->n_active_tasks++;
    if (!scheduler->is_silent && event->object < scheduler->first_task)
        scheduler->first_task = event->object;
    annotation(scheduler, STEP_TASK_BEGIN, thread, event);
}

static void end_task(struct scheduler *scheduler, struct thread *thread, const struct trace_event *event) {
    uint32_t index = key_set_find(&scheduler->task_ids, event->object);
    enum task_state state = index == HASH_NONE ? TASK_ENDED : (enum task_state)scheduler->task_states[index];
    bool is_unknown = index == HASH_NONE && event->object < scheduler->first_task; /* of before: ids only grow */
    if (!event->object || (state == TASK_ENDED && !is_unknown)) {
        scheduler->dropped++;
        return;
    }
    if (state != TASK_ENDED) {
        scheduler->task_states[index] = TASK_ENDED;
        scheduler->n_active_tasks--;
    }
    struct trace_event end = *event;
    end.value = state == TASK_OF_THIS_TRACE;
    annotation(scheduler, STEP_TASK_END, thread, &end);
}

static void begin_region(struct scheduler *scheduler, struct thread *thread, const struct trace_event *event) {
    if (thread->n_regions >= THREAD_REGIONS_MAX) {
        scheduler->dropped++;
        return;
    }
    if (grow_array(&thread->regions, &thread->regions_space, thread->n_regions, sizeof *thread->regions)) {
        scheduler->error = -ENOMEM;
        return;
    }
    thread->regions[thread->n_regions++] = (struct region){event->object, event->text};
    annotation(scheduler, STEP_REGION_BEGIN, thread, event);
}

void close_regions(struct scheduler *scheduler, struct thread *thread, uint32_t down_to) {
    while (thread->n_regions > down_to) {
        const struct region *region = &thread->regions[--thread->n_regions];
        annotation(scheduler, STEP_REGION_END, thread,
                   &(struct trace_event){.object = region->task, .text = region->text});
        scheduler->repaired++;
    }
}

/* The end of an outer region ends those inside of it, whose own ends were forgotten or will come too late. */
static void end_region(struct scheduler *scheduler, struct thread *thread, const struct trace_event *event) {
    uint32_t at = thread->n_regions;
    while (at && (thread->regions[at - 1].task != event->object || thread->regions[at - 1].text != event->text))
        at--;
    if (!at && (thread->n_regions || thread->is_new)) {
        scheduler->dropped++;
        return;
    }
    if (at) {
        close_regions(scheduler, thread, at);
        thread->n_regions = at - 1;
    }
    annotation(scheduler, STEP_REGION_END, thread, event);
}

void annotate(struct scheduler *scheduler, struct thread *thread, const struct trace_event *event) {
    switch (event->kind) {
    case TRACE_TASK_BEGIN:
        begin_task(scheduler, thread, event);
        break;
    case TRACE_TASK_END:
        end_task(scheduler, thread, event);
        break;
    case TRACE_REGION_BEGIN:
        begin_region(scheduler, thread, event);
        break;
    case TRACE_REGION_END:
        end_region(scheduler, thread, event);
        break;
    default:
        annotation(scheduler, STEP_LOG, thread, event);
    }
}
