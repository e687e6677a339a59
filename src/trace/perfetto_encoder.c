/* Steps as Perfetto's track events: https://perfetto.dev/docs/reference/synthetic-track-event
 *
 * A thread's track has its waits, calls and regions as slices; whoever wakes a thread is tied to the slice in which that
 * is runnable by a flow. Cores and tasks have tracks of their own. Names are interned anew in each generation, in a
 * packet before all others, since stacks are only known by name when it ends. */
#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "trace/encoder.h"
#include "trace/names.h"
#include "trace/perfetto.pb-c.h"

#define SEQUENCE 1 /* one writer */
#define STATE_CLEARED 1u
#define NEEDS_STATE 2u
#define CLOCK_ID_REALTIME 1u
#define CLOCK_ID_TRACE 6u /* what Perfetto takes times without a clock for */

/* Numbers of tracks: what it is in the high bits, which one in the low. */
enum { TRACK_SHIFT = 48 };
enum track { TRACK_PROCESS = 1, TRACK_THREAD, TRACK_CORE, TRACK_HEAP, TRACK_RUNNING, TRACK_TASK };

enum { ANNOTATION_STACK = 1, ANNOTATION_MESSAGE };
#define MESSAGE_IID ((uint64_t)1 << 32) /* stacks have the ids below */

struct perfetto {
    struct encoder encoder;
    struct trace_options options;
    struct names names;
    struct generation generation;
    struct buffer packets; /* of this generation */
    uint64_t flows;        /* given out */
    int64_t running;       /* threads that hold a row */
    int error;             /* first one, sticky */
};

static uint64_t track(enum track kind, uint64_t which) {
    return (uint64_t)kind << TRACK_SHIFT | (which & (((uint64_t)1 << TRACK_SHIFT) - 1));
}

/* A trace is the concatenation of its packets. */
static void put(struct perfetto *perfetto, Piko__Perfetto__TracePacket *packet, struct buffer *ret) {
    Piko__Perfetto__Trace trace = PIKO__PERFETTO__TRACE__INIT;
    packet->has_trusted_packet_sequence_id = true;
    packet->trusted_packet_sequence_id = SEQUENCE;
    trace.n_packet = 1;
    trace.packet = &packet;
    char *to = buffer_reserve(ret, piko__perfetto__trace__get_packed_size(&trace));
    if (to)
        ret->size += piko__perfetto__trace__pack(&trace, (uint8_t *)to);
    else if (!perfetto->error)
        perfetto->error = ret->error;
}

/* ---- Tracks --------------------------------------------------------------------------------------------------------*/
static void describe(struct perfetto *perfetto, Piko__Perfetto__TrackDescriptor *descriptor, uint64_t uuid) {
    Piko__Perfetto__TracePacket packet = PIKO__PERFETTO__TRACE_PACKET__INIT;
    descriptor->has_uuid = true;
    descriptor->uuid = uuid;
    packet.track_descriptor = descriptor;
    put(perfetto, &packet, &perfetto->packets);
}

static void describe_process(struct perfetto *perfetto) {
    Piko__Perfetto__ProcessDescriptor process = PIKO__PERFETTO__PROCESS_DESCRIPTOR__INIT;
    Piko__Perfetto__TrackDescriptor descriptor = PIKO__PERFETTO__TRACK_DESCRIPTOR__INIT;
    process.has_pid = true;
    process.pid = (int32_t)perfetto->options.pid;
    process.process_name = (char *)(uintptr_t)perfetto->options.process_name;
    descriptor.process = &process;
    describe(perfetto, &descriptor, track(TRACK_PROCESS, 0));
}

static void describe_thread(struct perfetto *perfetto, const struct thread *thread) {
    Piko__Perfetto__ThreadDescriptor details = PIKO__PERFETTO__THREAD_DESCRIPTOR__INIT;
    Piko__Perfetto__TrackDescriptor descriptor = PIKO__PERFETTO__TRACK_DESCRIPTOR__INIT;
    details.has_pid = details.has_tid = true;
    details.pid = (int32_t)perfetto->options.pid;
    details.tid = (int32_t)thread->tid;
    uint32_t name = names_text(&perfetto->names, thread->name);
    if (name)
        details.thread_name = (char *)(uintptr_t)names_string_of(&perfetto->names, name);
    descriptor.thread = &details;
    describe(perfetto, &descriptor, track(TRACK_THREAD, thread->id));
}

/* A track below the process's: of a core, a task, or with a unit a counter. */
static void describe_other(struct perfetto *perfetto, uint64_t uuid, const char *name,
                           Piko__Perfetto__CounterDescriptor__Unit unit) {
    Piko__Perfetto__CounterDescriptor counter = PIKO__PERFETTO__COUNTER_DESCRIPTOR__INIT;
    Piko__Perfetto__TrackDescriptor descriptor = PIKO__PERFETTO__TRACK_DESCRIPTOR__INIT;
    counter.has_unit = true;
    counter.unit = unit;
    descriptor.name = (char *)(uintptr_t)name;
    descriptor.has_parent_uuid = true;
    descriptor.parent_uuid = track(TRACK_PROCESS, 0);
    if (unit)
        descriptor.counter = &counter;
    describe(perfetto, &descriptor, uuid);
}

static void describe_cores(struct perfetto *perfetto) {
    for (unsigned core = 0; perfetto->options.core_rows && core < perfetto->options.cpus; core++) {
        char name[32];
        snprintf(name, sizeof name, "core %u", core);
        describe_other(perfetto, track(TRACK_CORE, core + 1), name, 0);
    }
}

/* ---- Events --------------------------------------------------------------------------------------------------------*/
struct mark {
    Piko__Perfetto__TrackEvent__Type type;
    uint64_t track, tick;
    uint32_t name, stack, message; /* ids; 0 none */
    uint64_t flow, end_of_flow;    /* 0 none */
    int64_t value;                 /* of a counter */
};

static void put_event(struct perfetto *perfetto, uint64_t tick, Piko__Perfetto__TrackEvent *event) {
    Piko__Perfetto__TracePacket packet = PIKO__PERFETTO__TRACE_PACKET__INIT;
    packet.has_timestamp = packet.has_sequence_flags = true;
    packet.timestamp = perfetto->options.start_ns + tick;
    packet.sequence_flags = NEEDS_STATE;
    packet.track_event = event;
    put(perfetto, &packet, &perfetto->packets);
}

static void mark(struct perfetto *perfetto, const struct mark *mark) {
    Piko__Perfetto__TrackEvent event = PIKO__PERFETTO__TRACK_EVENT__INIT;
    Piko__Perfetto__DebugAnnotation annotations[2], *pointers[2] = {&annotations[0], &annotations[1]};
    uint64_t flow = mark->flow, end_of_flow = mark->end_of_flow;
    event.has_type = event.has_track_uuid = true;
    event.type = mark->type;
    event.track_uuid = mark->track;
    event.has_name_iid = mark->name != 0;
    event.name_iid = mark->name;
    event.has_counter_value = mark->type == PIKO__PERFETTO__TRACK_EVENT__TYPE__TYPE_COUNTER;
    event.counter_value = mark->value;
    event.debug_annotations = pointers;
    for (unsigned i = 0; i < 2; i++) {
        uint64_t value = i ? mark->message ? MESSAGE_IID | mark->message : 0 : mark->stack;
        if (!value)
            continue;
        Piko__Perfetto__DebugAnnotation *annotation = pointers[event.n_debug_annotations++];
        *annotation = (Piko__Perfetto__DebugAnnotation)PIKO__PERFETTO__DEBUG_ANNOTATION__INIT;
        annotation->has_name_iid = annotation->has_string_value_iid = true;
        annotation->name_iid = i ? ANNOTATION_MESSAGE : ANNOTATION_STACK;
        annotation->string_value_iid = value;
    }
    event.n_flow_ids = flow != 0;
    event.flow_ids = &flow;
    event.n_terminating_flow_ids = end_of_flow != 0;
    event.terminating_flow_ids = &end_of_flow;
    put_event(perfetto, mark->tick, &event);
}

#define MARK(perfetto, what, ...)                                                                                      \
    mark(perfetto, &(const struct mark){.type = PIKO__PERFETTO__TRACK_EVENT__TYPE__TYPE_##what, __VA_ARGS__})

static void count(struct perfetto *perfetto, uint64_t tick, int64_t change) {
    perfetto->running += change;
    MARK(perfetto, COUNTER, .track = track(TRACK_RUNNING, 0), .tick = tick, .value = perfetto->running);
}

static uint32_t name_of_call(struct perfetto *perfetto, const struct thread *thread) {
    uint32_t name = names_text(&perfetto->names, thread->text);
    return name ? name : names_string(&perfetto->names, "system call");
}

static void begin_state(struct perfetto *perfetto, struct thread *thread, uint64_t tick) {
    uint32_t name = thread->state == THREAD_SYSCALL ? name_of_call(perfetto, thread)
                                                    : names_string(&perfetto->names, trace_reason_text(thread->reason));
    MARK(perfetto, SLICE_BEGIN, .track = track(TRACK_THREAD, thread->id), .tick = tick, .name = name,
         .stack = names_stack(&perfetto->names, thread->stack, thread));
}

/* The slice of a core, which goes by the name of the thread that has it. */
static void take_core(struct perfetto *perfetto, const struct thread *thread, uint32_t row, uint64_t tick) {
    if (!perfetto->options.core_rows || row == 0 || row > perfetto->options.cpus)
        return;
    uint32_t name = names_text(&perfetto->names, thread->name);
    MARK(perfetto, SLICE_BEGIN, .track = track(TRACK_CORE, row), .tick = tick,
         .name = name ? name : names_string(&perfetto->names, "thread"));
}

static void leave_core(struct perfetto *perfetto, uint32_t row, uint64_t tick) {
    if (perfetto->options.core_rows && row <= perfetto->options.cpus)
        MARK(perfetto, SLICE_END, .track = track(TRACK_CORE, row), .tick = tick);
}

/* ---- Steps ---------------------------------------------------------------------------------------------------------*/

/* thread->sequence: 1 = a slice shows that the thread is runnable. */
static void runnable(struct perfetto *perfetto, const struct step *step, struct thread *thread, const char *why,
                     uint64_t flow) {
    MARK(perfetto, SLICE_BEGIN, .track = track(TRACK_THREAD, thread->id), .tick = step->tick,
         .name = names_string(&perfetto->names, why), .end_of_flow = flow);
    thread->sequence = 1;
}

static void unblock(struct perfetto *perfetto, const struct step *step) {
    MARK(perfetto, SLICE_END, .track = track(TRACK_THREAD, step->other->id), .tick = step->tick);
    if (step->thread == step->other)
        return;
    uint64_t flow = ++perfetto->flows;
    MARK(perfetto, INSTANT, .track = track(TRACK_THREAD, step->thread->id), .tick = step->tick,
         .name = names_string(&perfetto->names, "wake"),
         .stack = names_stack(&perfetto->names, step->stack, step->thread), .flow = flow);
    runnable(perfetto, step, step->other, "runnable", flow);
}

static void start(struct perfetto *perfetto, const struct step *step) {
    if (step->thread->sequence)
        MARK(perfetto, SLICE_END, .track = track(TRACK_THREAD, step->thread->id), .tick = step->tick);
    step->thread->sequence = 0;
}

static void task(struct perfetto *perfetto, const struct step *step) {
    uint64_t uuid = track(TRACK_TASK, step->object);
    if (step->kind == STEP_TASK_END && !step->value)
        return; /* its track is not there */
    if (step->kind == STEP_TASK_END) {
        MARK(perfetto, SLICE_END, .track = uuid, .tick = step->tick);
        return;
    }
    uint32_t name = names_text(&perfetto->names, step->text);
    describe_other(perfetto, uuid, names_string_of(&perfetto->names, name), 0);
    MARK(perfetto, SLICE_BEGIN, .track = uuid, .tick = step->tick, .name = name,
         .stack = names_stack(&perfetto->names, step->stack, step->thread));
}

static void annotation(struct perfetto *perfetto, const struct step *step) {
    struct names *names = &perfetto->names;
    struct mark all = {
        .type = step->kind == STEP_REGION_BEGIN ? PIKO__PERFETTO__TRACK_EVENT__TYPE__TYPE_SLICE_BEGIN
                                                : PIKO__PERFETTO__TRACK_EVENT__TYPE__TYPE_INSTANT,
        .track = track(TRACK_THREAD, step->thread->id),
        .tick = step->tick,
        .name = step->kind == STEP_SAMPLE ? names_string(names, "cpu sample") : names_text(names, step->text),
        .stack = names_stack(names, step->stack, step->thread),
        .message = step->kind == STEP_LOG ? names_text(names, step->value) : 0,
    };
    mark(perfetto, &all);
}

static void step(struct encoder *encoder, const struct step *step) {
    struct perfetto *perfetto = (struct perfetto *)encoder;
    switch (step->kind) {
    case STEP_CREATE:
        step->other->sequence = 0;
        describe_thread(perfetto, step->other);
        break;
    case STEP_START:
        start(perfetto, step);
        break;
    case STEP_STOP:
        runnable(perfetto, step, step->thread, "preempted", 0);
        break;
    case STEP_BLOCK:
    case STEP_CALL_BEGIN:
        begin_state(perfetto, step->thread, step->tick);
        break;
    case STEP_CALL_END:
    case STEP_CALL_END_BLOCKED:
    case STEP_REGION_END:
        MARK(perfetto, SLICE_END, .track = track(TRACK_THREAD, step->thread->id), .tick = step->tick);
        break;
    case STEP_UNBLOCK:
        unblock(perfetto, step);
        break;
    case STEP_ROW_START:
        count(perfetto, step->tick, 1);
        take_core(perfetto, step->thread, step->row, step->tick);
        break;
    case STEP_ROW_STOP:
        count(perfetto, step->tick, -1);
        leave_core(perfetto, step->row, step->tick);
        break;
    case STEP_HEAP:
        MARK(perfetto, COUNTER, .track = track(TRACK_HEAP, 0), .tick = step->tick, .value = (int64_t)step->value);
        break;
    case STEP_TASK_BEGIN:
    case STEP_TASK_END:
        task(perfetto, step);
        break;
    case STEP_LABEL:
        describe_thread(perfetto, step->thread);
        break;
    case STEP_DESTROY:
        break;
    default:
        annotation(perfetto, step);
    }
}

/* ---- Generations ---------------------------------------------------------------------------------------------------*/
static uint64_t begin(struct encoder *encoder, const struct generation *generation) {
    struct perfetto *perfetto = (struct perfetto *)encoder;
    perfetto->generation = *generation;
    describe_process(perfetto);
    describe_cores(perfetto);
    describe_other(perfetto, track(TRACK_HEAP, 0), "heap in use",
                   PIKO__PERFETTO__COUNTER_DESCRIPTOR__UNIT__UNIT_SIZE_BYTES);
    describe_other(perfetto, track(TRACK_RUNNING, 0), "running threads",
                   PIKO__PERFETTO__COUNTER_DESCRIPTOR__UNIT__UNIT_COUNT);
    perfetto->running = 0;
    for (uint32_t i = 0; i < generation->threads->n; i++) {
        struct thread *thread = generation->threads->list[i];
        describe_thread(perfetto, thread);
        perfetto->running += thread->row != 0;
        if (generation->number == 1)
            take_core(perfetto, thread, thread->row, generation->tick);
        if (generation->number == 1 && (thread->state == THREAD_WAITING || thread->state == THREAD_SYSCALL))
            begin_state(perfetto, thread, generation->tick);
    }
    count(perfetto, generation->tick, 0);
    return generation->tick;
}

/* What a stack looks like in the viewer: a function a line, with its place. */
static void write_stack(struct perfetto *perfetto, const struct name_stack *stack, struct buffer *ret) {
    const struct names *names = &perfetto->names;
    for (uint32_t i = 0; i < stack->n; i++) {
        const struct name_frame *frame = &names->frames[stack->first + i];
        buffer_printf(ret, "%s%s", i ? "\n" : "", names_string_of(names, frame->function));
        if (frame->file)
            buffer_printf(ret, " %s:%llu", names_string_of(names, frame->file), (unsigned long long)frame->line);
    }
}

/* Interned data comes in parts as small as it likes: one string a packet. */
static void intern(struct perfetto *perfetto, Piko__Perfetto__InternedData *data, uint32_t flags, struct buffer *ret) {
    Piko__Perfetto__TracePacket packet = PIKO__PERFETTO__TRACE_PACKET__INIT;
    packet.has_sequence_flags = true;
    packet.sequence_flags = flags;
    packet.interned_data = data;
    put(perfetto, &packet, ret);
}

static void intern_value(struct perfetto *perfetto, uint64_t iid, const char *data, size_t size, struct buffer *ret) {
    Piko__Perfetto__InternedString string = PIKO__PERFETTO__INTERNED_STRING__INIT, *strings = &string;
    Piko__Perfetto__InternedData interned = PIKO__PERFETTO__INTERNED_DATA__INIT;
    string.has_iid = string.has_str = true;
    string.iid = iid;
    string.str = (ProtobufCBinaryData){.len = size, .data = (uint8_t *)(uintptr_t)data};
    interned.n_debug_annotation_string_values = 1;
    interned.debug_annotation_string_values = &strings;
    intern(perfetto, &interned, NEEDS_STATE, ret);
}

static void intern_name(struct perfetto *perfetto, uint32_t id, struct buffer *ret) {
    Piko__Perfetto__EventName name = PIKO__PERFETTO__EVENT_NAME__INIT, *names = &name;
    Piko__Perfetto__InternedData interned = PIKO__PERFETTO__INTERNED_DATA__INIT;
    const struct string_entry *entry = &perfetto->names.strings.entries[id - 1];
    name.has_iid = true;
    name.iid = id;
    name.name = (char *)(uintptr_t)entry->text;
    interned.n_event_names = 1;
    interned.event_names = &names;
    intern(perfetto, &interned, NEEDS_STATE, ret);
    intern_value(perfetto, MESSAGE_IID | id, entry->text, entry->size, ret);
}

/* The first packet of a generation: nothing that was interned before holds any more. */
static void clear(struct perfetto *perfetto, struct buffer *ret) {
    Piko__Perfetto__DebugAnnotationName names[2], *pointers[2] = {&names[0], &names[1]};
    Piko__Perfetto__InternedData interned = PIKO__PERFETTO__INTERNED_DATA__INIT;
    static const char *const texts[] = {"stack", "message"};
    for (unsigned i = 0; i < 2; i++) {
        names[i] = (Piko__Perfetto__DebugAnnotationName)PIKO__PERFETTO__DEBUG_ANNOTATION_NAME__INIT;
        names[i].has_iid = true;
        names[i].iid = i + 1;
        names[i].name = (char *)(uintptr_t)texts[i];
    }
    interned.n_debug_annotation_names = 2;
    interned.debug_annotation_names = pointers;
    intern(perfetto, &interned, STATE_CLEARED, ret);
}

static void write_clock(struct perfetto *perfetto, struct buffer *ret) {
    Piko__Perfetto__ClockSnapshot__Clock clocks[2], *pointers[2] = {&clocks[0], &clocks[1]};
    Piko__Perfetto__ClockSnapshot snapshot = PIKO__PERFETTO__CLOCK_SNAPSHOT__INIT;
    Piko__Perfetto__TracePacket packet = PIKO__PERFETTO__TRACE_PACKET__INIT;
    const uint64_t ids[] = {CLOCK_ID_TRACE, CLOCK_ID_REALTIME};
    const uint64_t starts[] = {perfetto->options.start_ns, perfetto->options.realtime_ns};
    for (unsigned i = 0; i < 2; i++) {
        clocks[i] = (Piko__Perfetto__ClockSnapshot__Clock)PIKO__PERFETTO__CLOCK_SNAPSHOT__CLOCK__INIT;
        clocks[i].has_clock_id = clocks[i].has_timestamp = true;
        clocks[i].clock_id = (uint32_t)ids[i];
        clocks[i].timestamp = starts[i] + perfetto->generation.tick;
    }
    snapshot.n_clocks = 2;
    snapshot.clocks = pointers;
    packet.clock_snapshot = &snapshot;
    if (perfetto->options.realtime_ns)
        put(perfetto, &packet, ret);
}

static int end(struct encoder *encoder, uint64_t until_tick, struct buffer *ret) {
    struct perfetto *perfetto = (struct perfetto *)encoder;
    count(perfetto, until_tick, 0); /* so that a quiet end is seen too */
    uint32_t n_names = perfetto->names.strings.n_entries;
    int error = names_resolve(&perfetto->names, perfetto->generation.threads);
    clear(perfetto, ret);
    write_clock(perfetto, ret);
    for (uint32_t id = 1; id <= n_names && !error; id++)
        intern_name(perfetto, id, ret);
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(0);
    for (uint32_t i = 0; i < perfetto->names.n_stacks && !error; i++) {
        text.size = 0;
        write_stack(perfetto, &perfetto->names.stacks[i], &text);
        intern_value(perfetto, i + 1, text.data, text.size, ret);
    }
    buffer_add(ret, perfetto->packets.data, perfetto->packets.size);
    perfetto->packets.size = 0;
    if (!perfetto->error)
        perfetto->error = error ? error : perfetto->names.error ? perfetto->names.error : text.error;
    names_clear(&perfetto->names);
    return perfetto->error ? perfetto->error : ret->error;
}

static void forget_thread(struct encoder *encoder, struct thread *thread) {
    (void)encoder;
    (void)thread;
}

static void free_encoder(struct encoder *encoder) {
    struct perfetto *perfetto = (struct perfetto *)encoder;
    names_done(&perfetto->names);
    buffer_done(&perfetto->packets);
    free(perfetto);
}

struct encoder *perfetto_encoder_new(const struct trace_options *options, const struct trace_source *source) {
    struct perfetto *perfetto = calloc(1, sizeof *perfetto);
    if (!perfetto)
        return NULL;
    perfetto->encoder = (struct encoder){begin, step, end, forget_thread, free_encoder};
    perfetto->options = *options;
    names_init(&perfetto->names, source);
    return &perfetto->encoder;
}
