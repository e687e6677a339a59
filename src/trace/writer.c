#include <errno.h>

#include "trace/scheduler.h"
#include "trace/wakes.h"

/* The longest trace, 52 days: a reader that counts in floating point would take later ticks for equal ones. */
#define TICKS_MAX ((uint64_t)1 << 52)

struct trace_writer {
    struct trace_options options;
    struct trace_source source;
    struct encoder *encoder;
    struct scheduler scheduler;
    struct queue queue;
    struct wakes wakes;
    uint64_t end_ns; /* of the last generation */
    uint64_t generations, events, late, unknown;
    int error; /* -ENOMEM, sticky */
};

int trace_writer_new(const struct trace_options *options, const struct trace_source *source,
                     struct trace_writer **ret) {
    struct trace_writer *writer = calloc(1, sizeof *writer);
    if (!writer)
        return -ENOMEM;
    writer->options = *options;
    writer->source = *source;
    writer->end_ns = options->start_ns;
    writer->encoder =
        (options->format == TRACE_PERFETTO ? perfetto_encoder_new : go_encoder_new)(&writer->options, &writer->source);
    if (scheduler_init(&writer->scheduler, options, writer->encoder) || !writer->encoder) {
        trace_writer_free(writer);
        return -ENOMEM;
    }
    *ret = writer;
    return 0;
}

static void forget_threads(struct trace_writer *writer, bool all) {
    struct trace_threads *threads = &writer->scheduler.threads;
    for (uint32_t i = 0; i < threads->n; i++)
        if (all || threads->list[i]->state == THREAD_DEAD)
            writer->encoder->forget_thread(writer->encoder, threads->list[i]);
}

void trace_writer_free(struct trace_writer *writer) {
    if (!writer)
        return;
    if (writer->encoder) {
        forget_threads(writer, true);
        writer->encoder->free(writer->encoder);
    }
    scheduler_done(&writer->scheduler);
    queue_done(&writer->queue);
    wakes_done(&writer->wakes);
    free(writer);
}

/* A thread that was made before it ran is two events: its maker's, and its own. */
static int add(struct trace_writer *writer, const struct trace_event *event) {
    writer->events++;
    if (event->kind >= TRACE_N_KINDS) {
        writer->unknown++;
        return 0;
    }
    if (event->kind == TRACE_THREAD_START && event->value && event->value < event->time_ns) {
        struct trace_event creation = *event;
        creation.kind = QUEUE_CREATE;
        creation.time_ns = event->value;
        if (queue_add(&writer->queue, &creation))
            return -ENOMEM;
    }
    return queue_add(&writer->queue, event);
}

int trace_writer_add(struct trace_writer *writer, const struct trace_event *events, size_t n) {
    for (size_t i = 0; i < n && !writer->error; i++)
        writer->error = add(writer, &events[i]);
    return writer->error;
}

static uint64_t tick_of(const struct trace_writer *writer, uint64_t time_ns) {
    uint64_t tick = time_ns > writer->options.start_ns ? time_ns - writer->options.start_ns : 0;
    return tick < TICKS_MAX ? tick : TICKS_MAX;
}

static void replay(struct trace_writer *writer, uint32_t from, uint32_t to) {
    struct scheduler *scheduler = &writer->scheduler;
    for (uint32_t i = from; i < to; i++) {
        const struct queued *queued = &writer->queue.events[writer->queue.order[writer->queue.first + i].index];
        uint64_t tick = tick_of(writer, queued->event.time_ns);
        if (tick > scheduler->tick + 1)
            scheduler->tick = tick - 1; /* the step takes the next one */
        if (queued->event.kind == QUEUE_CREATE)
            scheduler_create(scheduler, &queued->event);
        else
            scheduler_event(scheduler, queued, &writer->queue);
    }
}

/* What happened up to the trace's start only tells what threads do then. */
static uint32_t set_up(struct trace_writer *writer, uint32_t n) {
    if (writer->generations)
        return 0;
    uint64_t start_ns = writer->options.start_ns;
    uint32_t before = start_ns == UINT64_MAX ? n : queue_before(&writer->queue, start_ns + 1);
    if (before > n)
        before = n;
    writer->scheduler.is_silent = true;
    replay(writer, 0, before);
    writer->scheduler.is_silent = false;
    return before;
}

/* Who waits as the trace starts, and is seen to go on. */
static void look_ahead(struct trace_writer *writer, uint32_t from, uint32_t to) {
    for (uint32_t i = from; i < to && !writer->generations; i++) {
        const struct trace_event *event =
            &writer->queue.events[writer->queue.order[writer->queue.first + i].index].event;
        struct thread *thread = trace_threads_find(&writer->scheduler.threads, event->thread);
        if (thread && (event->kind == TRACE_UNBLOCK || event->kind == TRACE_SYSCALL_END))
            thread->goes_on = true;
    }
}

static void begin(struct trace_writer *writer) {
    struct scheduler *scheduler = &writer->scheduler;
    uint64_t tick = tick_of(writer, writer->end_ns);
    if (tick > scheduler->tick)
        scheduler->tick = tick;
    trace_threads_bury(&scheduler->threads);
    struct generation generation = {
        .number = (uint32_t)++writer->generations,
        .tick = ++scheduler->tick,
        .threads = &scheduler->threads,
        .rows = &scheduler->rows,
    };
    scheduler->tick = writer->encoder->begin(writer->encoder, &generation);
    for (uint32_t i = 0; i < scheduler->threads.n; i++) {
        struct thread *thread = scheduler->threads.list[i];
        thread->label_due = thread->state != THREAD_RUNNING;
        if (!thread->label_due)
            scheduler_step(scheduler, (struct step){.kind = STEP_LABEL, .thread = thread});
    }
    for (uint32_t i = 0; i < writer->wakes.n_old; i++) {
        const struct old_wake *old = &writer->wakes.old[i];
        scheduler_wake(scheduler, old->waiter, old->waker, old->object, old->stack);
    }
}

int trace_writer_flush(struct trace_writer *writer, uint64_t until_ns, struct buffer *ret) {
    struct queue *queue = &writer->queue;
    struct scheduler *scheduler = &writer->scheduler;
    if (!writer->error)
        writer->error = queue_sort(queue);
    uint32_t n = writer->error ? 0 : queue_before(queue, until_ns);
    if (writer->error || (writer->error = wakes_match(&writer->wakes, queue, n)))
        return writer->error;
    uint32_t before = set_up(writer, n);
    writer->late += writer->generations ? queue_before(queue, writer->end_ns) : 0;
    look_ahead(writer, before, n);
    begin(writer);
    replay(writer, before, n);
    uint64_t tick = tick_of(writer, until_ns);
    scheduler->tick = tick > scheduler->tick + 1 ? tick : scheduler->tick + 1;
    int error = writer->encoder->end(writer->encoder, scheduler->tick, ret);
    forget_threads(writer, false);
    trace_threads_bury(&scheduler->threads);
    wakes_end(&writer->wakes, &scheduler->threads);
    writer->end_ns = until_ns;
    writer->error = scheduler->error ? scheduler->error : queue_consume(queue, n);
    return writer->error ? writer->error : error;
}

void trace_writer_figures(const struct trace_writer *writer, struct trace_figures *ret) {
    *ret = (struct trace_figures){
        .events = writer->events,
        .late = writer->late,
        .repaired = writer->scheduler.repaired,
        .dropped = writer->scheduler.dropped + writer->unknown,
        .generations = writer->generations,
        .threads = writer->scheduler.threads.n_alive,
    };
}
