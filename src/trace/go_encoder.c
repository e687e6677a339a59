/* Steps as events of Go's format. A row is what Go calls a P, a thread is a G and an M at once. */
#include "trace/go_encoder.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define EVENT_BYTES_MAX (1 + 5 * VARINT_BYTES_MAX)
/* The reason of waits that were under way as the trace began and did not end in its first generation. Viewers count a wait
 * when it ends, which most of these never do, and expect to count some of each reason that they know. */
#define IDLE "idle from before the trace"
#define ARGUMENTS(...) ((const uint64_t[]){__VA_ARGS__})

static const uint8_t n_arguments[] = {
    [GO_PROCS_CHANGE] = 2, [GO_PROC_START] = 2, [GO_PROC_STATUS] = 2,  [GO_CREATE] = 3,        [GO_START] = 2,
    [GO_STOP] = 2,         [GO_BLOCK] = 2,      [GO_UNBLOCK] = 3,      [GO_SYSCALL_BEGIN] = 2, [GO_STATUS] = 3,
    [GO_HEAP_ALLOC] = 1,   [GO_LABEL] = 1,      [GO_TASK_BEGIN] = 4,   [GO_TASK_END] = 2,      [GO_REGION_BEGIN] = 3,
    [GO_REGION_END] = 3,   [GO_LOG] = 4,        [GO_STATUS_STACK] = 4,
};

/* Batches of one OS thread must stand in order, and a tid may have had several lives: those of the dead go first. */
static void close_streams(struct go_encoder *go, bool all) {
    for (uint32_t i = 0; i < go->generation.threads->n; i++) {
        struct thread *thread = go->generation.threads->list[i];
        if (thread->stream && (all || thread->state == THREAD_DEAD))
            batch_close(thread->stream, go->generation.number, thread->tid, &go->batches);
    }
}

static void event(struct go_encoder *go, struct thread *thread, uint64_t tick, enum go_event kind,
                  const uint64_t arguments[]) {
    if (!thread->stream && !(thread->stream = calloc(1, sizeof(struct batch)))) {
        go->error = -ENOMEM;
        return;
    }
    struct batch *batch = thread->stream;
    if (batch->size + EVENT_BYTES_MAX > BATCH_BYTES_MAX)
        close_streams(go, false);
    char *start = batch_room(batch, EVENT_BYTES_MAX, go->generation.number, thread->tid, &go->batches), *to = start;
    if (!to) {
        go->error = -ENOMEM;
        return;
    }
    if (!batch->size)
        batch->tick = batch->last_tick = tick;
    *to++ = (char)kind;
    to = varint_put(to, tick - batch->last_tick);
    for (unsigned i = 0; arguments && i < n_arguments[kind]; i++)
        to = varint_put(to, arguments[i]);
    batch->last_tick = tick;
    batch->size += (size_t)(to - start);
}

static uint64_t where(struct go_encoder *go, struct thread *thread, uint64_t stack) {
    return stack ? names_stack(&go->names, stack, thread) : names_root(&go->names, thread);
}

static uint64_t reason_id(struct go_encoder *go, enum trace_reason reason) {
    if (!go->reasons[reason])
        go->reasons[reason] = names_string(&go->names, trace_reason_text(reason));
    return go->reasons[reason];
}

/* ---- The start of a generation: what each thread does ---------------------------------------------------------------*/
static enum go_status status_of(const struct thread *thread) {
    static const enum go_status statuses[] = {[THREAD_RUNNABLE] = GO_RUNNABLE,
                                              [THREAD_RUNNING] = GO_RUNNING,
                                              [THREAD_SYSCALL] = GO_SYSCALL,
                                              [THREAD_WAITING] = GO_WAITING};
    return statuses[thread->state];
}

static void write_row_status(struct go_encoder *go, struct thread *thread, uint64_t tick, uint32_t row,
                             enum go_proc_status status) {
    struct row *entry = &go->generation.rows->rows[row];
    entry->announced = go->generation.number;
    entry->sequence = 0;
    event(go, thread, tick, GO_PROC_STATUS, ARGUMENTS(row, status));
}

static void write_status(struct go_encoder *go, struct thread *thread, uint64_t tick, enum go_status status,
                         uint64_t stack) {
    thread->sequence = 0;
    if (go->options.format == TRACE_GO_1_22)
        event(go, thread, tick, GO_STATUS, ARGUMENTS(thread->id, thread->tid, status));
    else
        event(go, thread, tick, GO_STATUS_STACK, ARGUMENTS(thread->id, thread->tid, status, where(go, thread, stack)));
}

/* Once a generation by a running thread, or the page of utilisation fails. */
static void tell_procs(struct go_encoder *go, struct thread *thread, uint64_t tick) {
    if (!go->told_procs)
        event(go, thread, tick, GO_PROCS_CHANGE, ARGUMENTS(go->generation.rows->n - 1, 0));
    go->told_procs = true;
}

/* A wait or call that is under way when the trace starts would have no reason and count nowhere if its status said so:
 * let the thread run for a moment, and enter it. */
static uint64_t begin_at_once(struct go_encoder *go, struct thread *thread, uint64_t tick) {
    write_row_status(go, thread, tick, thread->own_row, GO_PROC_RUNNING);
    write_status(go, thread, tick, GO_RUNNING, 0);
    tell_procs(go, thread, tick);
    tick++;
    uint64_t stack = where(go, thread, thread->stack);
    if (thread->state == THREAD_SYSCALL) {
        event(go, thread, tick, GO_SYSCALL_BEGIN, ARGUMENTS(++go->generation.rows->rows[thread->row].sequence, stack));
        return tick;
    }
    uint64_t reason = thread->goes_on ? reason_id(go, thread->reason) : names_string(&go->names, IDLE);
    event(go, thread, tick, GO_BLOCK, ARGUMENTS(reason, stack));
    event(go, thread, tick, GO_PROC_STOP, NULL);
    return tick;
}

static uint64_t write_thread(struct go_encoder *go, struct thread *thread, uint64_t tick) {
    bool is_inside = thread->state == THREAD_WAITING || thread->state == THREAD_SYSCALL;
    bool is_entered = thread->state == THREAD_WAITING || (thread->state == THREAD_SYSCALL && thread->goes_on);
    if (is_entered && go->generation.number == 1 && !go->options.core_rows)
        return begin_at_once(go, thread, tick);
    if (thread->row)
        write_row_status(go, thread, tick, thread->row,
                         thread->state == THREAD_SYSCALL && !thread->lost_row ? GO_PROC_SYSCALL : GO_PROC_RUNNING);
    write_status(go, thread, tick, status_of(thread), is_inside ? thread->stack : 0);
    if (thread->state == THREAD_RUNNING)
        tell_procs(go, thread, tick);
    return tick;
}

static uint64_t begin(struct encoder *encoder, const struct generation *generation) {
    struct go_encoder *go = (struct go_encoder *)encoder;
    go->generation = *generation;
    go->told_procs = false;
    memset(go->reasons, 0, sizeof go->reasons);
    go_write_sync(go);
    uint64_t tick = generation->tick;
    for (uint32_t i = 0; i < generation->threads->n; i++)
        tick = write_thread(go, generation->threads->list[i], tick + 1);
    return tick;
}

/* ---- Steps ---------------------------------------------------------------------------------------------------------*/
static void start_row(struct go_encoder *go, const struct step *step) {
    struct row *row = &go->generation.rows->rows[step->row];
    if (row->announced != go->generation.number)
        write_row_status(go, step->thread, step->tick, step->row, GO_PROC_IDLE);
    event(go, step->thread, step->tick, GO_PROC_START, ARGUMENTS(step->row, ++row->sequence));
}

static void start(struct go_encoder *go, const struct step *step) {
    event(go, step->thread, step->tick, GO_START, ARGUMENTS(step->thread->id, ++step->thread->sequence));
    tell_procs(go, step->thread, step->tick);
}

static void create(struct go_encoder *go, const struct step *step) {
    step->other->sequence = 0;
    event(go, step->thread, step->tick, GO_CREATE,
          ARGUMENTS(step->other->id, names_root(&go->names, step->other),
                    names_stack(&go->names, step->stack, step->thread)));
}

/* A thread's name, and the label that the program gave it. */
static void label(struct go_encoder *go, const struct step *step) {
    char both[NAMES_STRING_BYTES_MAX + 1];
    const struct thread *thread = step->thread;
    uint64_t id = names_text(&go->names, thread->label ? thread->label : thread->name);
    if (thread->name && thread->label) {
        const char *name = names_string_of(&go->names, names_text(&go->names, thread->name));
        snprintf(both, sizeof both, "%s %s", name, names_string_of(&go->names, (uint32_t)id));
        id = names_string(&go->names, both);
    }
    if (id)
        event(go, step->thread, step->tick, GO_LABEL, ARGUMENTS(id));
}

static void annotation(struct go_encoder *go, const struct step *step) {
    struct names *names = &go->names;
    uint64_t text = names_text(names, step->text), stack = where(go, step->thread, step->stack);
    switch (step->kind) {
    case STEP_TASK_BEGIN:
        event(go, step->thread, step->tick, GO_TASK_BEGIN, ARGUMENTS(step->object, step->value, text, stack));
        break;
    case STEP_TASK_END:
        event(go, step->thread, step->tick, GO_TASK_END, ARGUMENTS(step->object, stack));
        break;
    case STEP_LOG:
        event(go, step->thread, step->tick, GO_LOG,
              ARGUMENTS(step->object, text, names_text(names, step->value), stack));
        break;
    default:
        event(go, step->thread, step->tick, step->kind == STEP_REGION_BEGIN ? GO_REGION_BEGIN : GO_REGION_END,
              ARGUMENTS(step->object, text, stack));
    }
}

static void call(struct go_encoder *go, const struct step *step) {
    if (step->kind == STEP_CALL_BEGIN)
        event(go, step->thread, step->tick, GO_SYSCALL_BEGIN,
              ARGUMENTS(++go->generation.rows->rows[step->row].sequence, where(go, step->thread, step->stack)));
    else
        event(go, step->thread, step->tick, step->kind == STEP_CALL_END ? GO_SYSCALL_END : GO_SYSCALL_END_BLOCKED,
              NULL);
}

static void step(struct encoder *encoder, const struct step *step) {
    struct go_encoder *go = (struct go_encoder *)encoder;
    struct thread *thread = step->thread;
    switch (step->kind) {
    case STEP_CREATE:
        create(go, step);
        break;
    case STEP_START:
        start(go, step);
        break;
    case STEP_STOP:
        event(go, thread, step->tick, GO_STOP,
              ARGUMENTS(names_string(&go->names, "preempted"), names_root(&go->names, thread)));
        break;
    case STEP_BLOCK:
        event(go, thread, step->tick, GO_BLOCK,
              ARGUMENTS(reason_id(go, thread->reason), where(go, thread, step->stack)));
        break;
    case STEP_UNBLOCK:
        event(go, thread, step->tick, GO_UNBLOCK,
              ARGUMENTS(step->other->id, ++step->other->sequence, names_stack(&go->names, step->stack, thread)));
        break;
    case STEP_DESTROY:
        event(go, thread, step->tick, GO_DESTROY, NULL);
        break;
    case STEP_ROW_START:
        start_row(go, step);
        break;
    case STEP_ROW_STOP:
        event(go, thread, step->tick, GO_PROC_STOP, NULL);
        break;
    case STEP_CALL_BEGIN:
    case STEP_CALL_END:
    case STEP_CALL_END_BLOCKED:
        call(go, step);
        break;
    case STEP_SAMPLE:
        go_write_sample(go, step);
        break;
    case STEP_HEAP:
        if (thread)
            event(go, thread, step->tick, GO_HEAP_ALLOC, ARGUMENTS(step->value));
        break;
    case STEP_LABEL:
        label(go, step);
        break;
    default:
        annotation(go, step);
    }
}

/* ---- The end of a generation ---------------------------------------------------------------------------------------*/

/* The trace ends with its last event. So that a quiet end is seen too, one thread says again what it does. */
static void write_end(struct go_encoder *go, uint64_t tick) {
    const struct trace_threads *threads = go->generation.threads;
    for (uint32_t i = 0; i < threads->n; i++) {
        struct thread *thread = threads->list[i];
        if (thread->state == THREAD_DEAD)
            continue;
        event(go, thread, tick, GO_STATUS, ARGUMENTS(thread->id, thread->tid, status_of(thread)));
        return;
    }
}

static int end(struct encoder *encoder, uint64_t until_tick, struct buffer *ret) {
    struct go_encoder *go = (struct go_encoder *)encoder;
    write_end(go, until_tick);
    close_streams(go, true);
    int error = go_write_tables(go);
    if (go->options.format == TRACE_GO_1_26)
        buffer_add(&go->batches, (char[]){GO_END_OF_GENERATION}, 1);
    if (!go->error)
        go->error = error ? error : go->batches.error;
    if (go->error)
        return go->error;
    if (go->generation.number == 1)
        go_write_header(go, ret);
    error = buffer_add(ret, go->batches.data, go->batches.size);
    go->batches.size = 0;
    names_clear(&go->names);
    return error;
}

static void forget_thread(struct encoder *encoder, struct thread *thread) {
    (void)encoder;
    if (thread->stream)
        batch_done(thread->stream);
    free(thread->stream);
    thread->stream = NULL;
}

static void free_encoder(struct encoder *encoder) {
    struct go_encoder *go = (struct go_encoder *)encoder;
    names_done(&go->names);
    batch_done(&go->samples);
    batch_done(&go->table);
    buffer_done(&go->batches);
    free(go);
}

struct encoder *go_encoder_new(const struct trace_options *options, const struct trace_source *source) {
    struct go_encoder *go = calloc(1, sizeof *go);
    if (!go)
        return NULL;
    go->encoder = (struct encoder){begin, step, end, forget_thread, free_encoder};
    go->options = *options;
    names_init(&go->names, source);
    return &go->encoder;
}
