#include "reader/trace_input.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reader/internal.h"
#include "reader/labels.h"
#include "reader/threads.h"

#define NAME_BYTES 64u
/* When what was there at the start is told: before all that its own records tell, some of which began before the start. */
#define BEFORE_ALL_NS 0u

static uint64_t ns_of(const struct trace_input *input, uint64_t ticks) {
    return trace_clock_ns(&input->clock, ticks);
}

/* ---- Events ---------------------------------------------------------------------------------------------------------- */

int trace_input_flush(struct trace_input *input) {
    if (!input->error && input->n_events)
        input->error = trace_writer_add(input->writer, input->events, input->n_events);
    input->n_events = 0;
    return input->error;
}

static struct trace_event *add(struct trace_input *input, enum trace_kind kind, uint32_t tid, uint64_t time_ns) {
    if (input->n_events == TRACE_INPUT_EVENTS)
        trace_input_flush(input);
    struct trace_event *event = &input->events[input->n_events++];
    *event = (struct trace_event){.kind = (uint16_t)kind, .thread = tid, .time_ns = time_ns};
    return event;
}

static uint64_t stack_key(const struct trace_input *input, uint32_t stack) {
    return stack ? (uint64_t)input->process << TRACE_STACK_SHIFT | stack : 0;
}

/* Of an address, or of the number of a task: those of another process are out of reach. */
static uint64_t address_key(const struct trace_input *input, uint64_t address) {
    uint64_t low = address & (((uint64_t)1 << TRACE_ADDRESS_SHIFT) - 1);
    return low ? (uint64_t)input->process << TRACE_ADDRESS_SHIFT | low : 0;
}

/* Key of a text; 0 for none. A trace of an hour may hold messages without end: those that are too many say so. */
static uint32_t text_key(const struct trace_input *input, const char *bytes, size_t size) {
    static const char lost[] = "(too many texts)";
    struct string_set *texts = input->texts;
    uint32_t index = HASH_NONE;
    if (size && texts->n_entries < TRACE_TEXTS_MAX)
        index = string_set_add(texts, bytes, size);
    else if (size && (index = string_set_find(texts, bytes, size)) == HASH_NONE)
        index = string_set_add(texts, lost, sizeof(lost) - 1);
    return index == HASH_NONE ? 0 : index + 1;
}

static uint32_t name_key(const struct trace_input *input, const char *name, size_t size) {
    char text[NAME_BYTES];
    size_t length = strnlen(name, size);
    if (!length)
        return 0;
    int n = snprintf(text, sizeof(text), "%.*s%s", (int)length, name, input->thread_suffix);
    return text_key(input, text, (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1);
}

/* The reason of a wait; TRACE_SYSCALL for calls that are not known to wait. */
static enum trace_reason reason_of(uint32_t state) {
    static const uint8_t reasons[] = {
        [SEGMENT_THREAD_MUTEX] = TRACE_MUTEX,     [SEGMENT_THREAD_RWLOCK] = TRACE_RWLOCK,
        [SEGMENT_THREAD_COND] = TRACE_COND,       [SEGMENT_THREAD_SEMAPHORE] = TRACE_SEMAPHORE,
        [SEGMENT_THREAD_BARRIER] = TRACE_BARRIER, [SEGMENT_THREAD_JOIN] = TRACE_JOIN,
        [SEGMENT_THREAD_FUTEX] = TRACE_FUTEX,     [SEGMENT_THREAD_IO] = TRACE_SYSCALL,
        [SEGMENT_THREAD_SLEEP] = TRACE_SLEEP,     [SEGMENT_THREAD_SYSCALL] = TRACE_OTHER,
        [SEGMENT_THREAD_NETWORK] = TRACE_NETWORK, [SEGMENT_THREAD_CHILD] = TRACE_CHILD,
    };
    return state < sizeof(reasons) && reasons[state] ? (enum trace_reason)reasons[state] : TRACE_OTHER;
}

static void tell_begin(struct trace_input *input, uint32_t tid, uint64_t ticks, uint32_t state, uint32_t stack,
                       uint64_t object) {
    enum trace_reason reason = reason_of(state);
    enum trace_kind kind = reason == TRACE_SYSCALL ? TRACE_SYSCALL_BEGIN : TRACE_BLOCK;
    struct trace_event *event = add(input, kind, tid, ns_of(input, ticks));
    event->reason = (uint16_t)reason;
    event->stack = stack_key(input, stack);
    event->object = address_key(input, object);
}

static void tell_wait(struct trace_input *input, uint32_t tid, struct trace_input_thread *thread,
                      const struct segment_trace_record *record) {
    uint32_t state = record->reason & ~SEGMENT_TRACE_TIMED_OUT;
    bool is_told = thread && record->begin && thread->wait == record->begin;
    if (record->begin && !is_told)
        tell_begin(input, tid, record->begin, state, record->stack, record->object);
    bool is_call = reason_of(state) == TRACE_SYSCALL;
    struct trace_event *event =
        add(input, is_call ? TRACE_SYSCALL_END : TRACE_UNBLOCK, tid, ns_of(input, record->value));
    event->value = (record->reason & SEGMENT_TRACE_TIMED_OUT) != 0;
}

static void tell_start(struct trace_input *input, uint32_t tid, const struct segment_trace_record *record) {
    uint64_t since = record->value & UINT32_MAX;
    struct trace_event *event = add(input, TRACE_THREAD_START, tid, ns_of(input, record->begin));
    event->peer = (uint32_t)(record->value >> 32);
    event->stack = stack_key(input, record->stack);
    event->object = address_key(input, record->object);
    event->value = since ? ns_of(input, record->begin - since) : 0;
}

static uint32_t string_key(const struct trace_input *input, uint64_t id) {
    char text[VIEW_STRING_BYTES];
    uint32_t size = view_string(&input->reader->view, (uint32_t)id, text);
    return text_key(input, text, size);
}

static void tell_labels(struct trace_input *input, uint32_t tid, uint64_t ns, uint32_t labels) {
    char text[LABELS_TEXT_BYTES];
    size_t size = labels_text(&input->reader->view, labels, text);
    add(input, TRACE_LABEL, tid, ns)->text = text_key(input, text, size);
}

/* Its message stands in the slots behind it, of the same copy of the chunk. */
static uint32_t message_key(const struct trace_input *input, const struct segment_trace_chunk *chunk, uint32_t slot) {
    char text[SEGMENT_TRACE_MESSAGE_BYTES_MAX];
    uint64_t bytes = chunk->records[slot].value >> 32;
    uint32_t n = 0;
    for (uint32_t i = slot + 1; i < SEGMENT_TRACE_RECORDS && n < bytes && n < sizeof(text); i++) {
        const struct segment_trace_record *part = &chunk->records[i];
        if (part->kind != SEGMENT_TRACE_TEXT)
            break;
        memcpy(text + n, &part->begin, SEGMENT_TRACE_TEXT_BYTES);
        n += SEGMENT_TRACE_TEXT_BYTES;
    }
    return text_key(input, text, n < bytes ? n : (size_t)bytes);
}

static void tell_annotation(struct trace_input *input, const struct segment_trace_chunk *chunk, uint32_t slot) {
    static const uint8_t kinds[] = {[SEGMENT_TRACE_TASK_BEGIN] = TRACE_TASK_BEGIN,
                                    [SEGMENT_TRACE_TASK_END] = TRACE_TASK_END,
                                    [SEGMENT_TRACE_REGION_BEGIN] = TRACE_REGION_BEGIN,
                                    [SEGMENT_TRACE_REGION_END] = TRACE_REGION_END,
                                    [SEGMENT_TRACE_LOG] = TRACE_LOG};
    const struct segment_trace_record *record = &chunk->records[slot];
    struct trace_event event = {.text = string_key(input, record->value & UINT32_MAX)};
    if (record->kind == SEGMENT_TRACE_TASK_BEGIN) {
        event.text = string_key(input, record->value >> SEGMENT_TRACE_TYPE_SHIFT);
        event.value = address_key(input, record->value & (((uint64_t)1 << SEGMENT_TRACE_TYPE_SHIFT) - 1));
    } else if (record->kind == SEGMENT_TRACE_LOG) {
        event.value = message_key(input, chunk, slot);
    }
    struct trace_event *told =
        add(input, (enum trace_kind)kinds[record->kind], chunk->tid, ns_of(input, record->begin));
    told->stack = stack_key(input, record->stack);
    told->object = address_key(input, record->object);
    told->text = event.text;
    told->value = event.value;
}

static void tell_record(struct trace_input *input, struct trace_input_thread *thread,
                        const struct segment_trace_chunk *chunk, uint32_t slot) {
    const struct segment_trace_record *record = &chunk->records[slot];
    uint32_t tid = chunk->tid;
    uint64_t ns = ns_of(input, record->begin);
    struct trace_event *event;
    switch ((enum segment_trace_kind)record->kind) {
    case SEGMENT_TRACE_WAIT:
        tell_wait(input, tid, thread, record);
        break;
    case SEGMENT_TRACE_WAKE:
        event = add(input, TRACE_WAKE, tid, ns);
        event->stack = stack_key(input, record->stack);
        event->object = address_key(input, record->object);
        break;
    case SEGMENT_TRACE_START:
        tell_start(input, tid, record);
        break;
    case SEGMENT_TRACE_EXIT:
    case SEGMENT_TRACE_NAME:
        event = add(input, TRACE_THREAD_NAME, tid, ns);
        event->text = name_key(input, (const char *)&record->value, SEGMENT_THREAD_NAME_BYTES);
        if (record->kind == SEGMENT_TRACE_EXIT)
            add(input, TRACE_THREAD_EXIT, tid, ns);
        break;
    case SEGMENT_TRACE_SAMPLE:
        add(input, TRACE_CPU_SAMPLE, tid, ns)->stack = stack_key(input, record->stack);
        break;
    case SEGMENT_TRACE_HEAP:
        add(input, TRACE_HEAP, tid, ns)->value = record->value;
        break;
    case SEGMENT_TRACE_TASK_BEGIN:
    case SEGMENT_TRACE_TASK_END:
    case SEGMENT_TRACE_REGION_BEGIN:
    case SEGMENT_TRACE_REGION_END:
    case SEGMENT_TRACE_LOG:
        tell_annotation(input, chunk, slot);
        break;
    case SEGMENT_TRACE_LABELS:
        tell_labels(input, tid, ns, (uint32_t)record->value);
        break;
    case SEGMENT_TRACE_NONE:
    case SEGMENT_TRACE_TEXT:
        break;
    }
}

/* ---- Chunks ---------------------------------------------------------------------------------------------------------- */

static bool is_record(const struct segment_trace_chunk *chunk, uint32_t i) {
    const struct segment_trace_record *record = &chunk->records[i];
    return record->kind && record->lease == (uint16_t)(chunk->head >> SEGMENT_TRACE_LEASE_SHIFT);
}

static uint32_t claimed(uint64_t head) {
    uint64_t slots = head & SEGMENT_TRACE_SLOT_MASK;
    return slots < SEGMENT_TRACE_RECORDS ? (uint32_t)slots : SEGMENT_TRACE_RECORDS;
}

static struct trace_input_thread *thread_of(const struct trace_input *input, const struct segment_trace_chunk *chunk) {
    if (chunk->thread >= input->reader->view.threads.count)
        return NULL;
    struct trace_input_thread *thread = &input->threads[chunk->thread];
    return thread->tid == chunk->tid ? thread : NULL;
}

static uint64_t end_of(const struct segment_trace_record *record) {
    return record->kind == SEGMENT_TRACE_WAIT ? record->value : record->begin;
}

static bool is_older(const struct trace_input *input, const struct segment_trace_record *record) {
    return (int64_t)(end_of(record) - input->since_ticks) < 0;
}

/* A slot that is claimed and not written is waited for once: its thread is about to. When it stays so it is none (a thread
 * that had the chunk before claimed it). */
static void read_chunk(struct trace_input *input, uint32_t index) {
    struct trace_input_chunk *known = &input->chunks[index];
    uint64_t head = view_trace_head(&input->reader->view, index);
    bool is_same = head >> SEGMENT_TRACE_LEASE_SHIFT == known->lease;
    struct segment_trace_chunk chunk;
    if ((is_same && claimed(head) == known->slots) || !view_trace_chunk(&input->reader->view, index, &chunk))
        return;
    if (chunk.head >> SEGMENT_TRACE_LEASE_SHIFT != known->lease)
        *known = (struct trace_input_chunk){.lease = chunk.head >> SEGMENT_TRACE_LEASE_SHIFT};
    struct trace_input_thread *thread = thread_of(input, &chunk);
    for (uint32_t end = claimed(chunk.head); known->slots < end; known->slots++) {
        const struct segment_trace_record *record = &chunk.records[known->slots];
        bool there = is_record(&chunk, known->slots);
        if (!there && !known->waits) {
            known->waits = true;
            return;
        }
        known->waits = false;
        if (there && chunk.tid && record->kind != SEGMENT_TRACE_TEXT && !is_older(input, record))
            tell_record(input, thread, &chunk, known->slots);
    }
}

/* Where a record belongs in the survey; a wait from before the recording at its end. */
static uint64_t place_of(const struct trace_input *input, const struct segment_trace_record *record) {
    return ns_of(input, record->begin ? record->begin : record->value);
}

/* The oldest change of labels that there is tells which ones held before. */
static void survey_labels(struct trace_input *input, const struct segment_trace_chunk *chunk,
                          const struct segment_trace_record *record) {
    if (chunk->thread >= input->reader->view.threads.count)
        return;
    struct trace_input_thread *thread = &input->threads[chunk->thread];
    uint64_t ns = ns_of(input, record->begin);
    if (thread->labels_tid == chunk->tid && thread->labels_ns <= ns)
        return;
    thread->labels_tid = chunk->tid;
    thread->labels = (uint32_t)record->object;
    thread->labels_ns = ns;
}

static void survey_chunk(struct trace_input *input, uint32_t index) {
    struct trace_input_chunk *known = &input->chunks[index];
    struct segment_trace_chunk chunk;
    if (!view_trace_chunk(&input->reader->view, index, &chunk))
        return;
    *known = (struct trace_input_chunk){.lease = chunk.head >> SEGMENT_TRACE_LEASE_SHIFT, .first_ns = UINT64_MAX};
    for (uint32_t i = 0; i < SEGMENT_TRACE_RECORDS; i++) {
        if (!is_record(&chunk, i) || chunk.records[i].kind == SEGMENT_TRACE_TEXT)
            continue;
        uint64_t ns = place_of(input, &chunk.records[i]);
        known->first_ns = ns < known->first_ns ? ns : known->first_ns;
        known->last_ns = ns > known->last_ns ? ns : known->last_ns;
        ns = ns_of(input, end_of(&chunk.records[i]));
        known->newest_ns = ns > known->newest_ns ? ns : known->newest_ns;
        if (chunk.records[i].kind == SEGMENT_TRACE_LABELS)
            survey_labels(input, &chunk, &chunk.records[i]);
    }
}

static void tell_chunk(struct trace_input *input, uint32_t index, uint64_t from_ns, uint64_t until_ns) {
    struct segment_trace_chunk chunk;
    if (!view_trace_chunk(&input->reader->view, index, &chunk) || !chunk.tid ||
        chunk.head >> SEGMENT_TRACE_LEASE_SHIFT != input->chunks[index].lease)
        return;
    struct trace_input_thread *thread = thread_of(input, &chunk);
    for (uint32_t i = 0; i < SEGMENT_TRACE_RECORDS; i++) {
        const struct segment_trace_record *record = &chunk.records[i];
        if (!is_record(&chunk, i) || record->kind == SEGMENT_TRACE_TEXT || is_older(input, record))
            continue;
        uint64_t ns = place_of(input, record);
        if (ns >= from_ns && ns < until_ns)
            tell_record(input, thread, &chunk, i);
    }
}

/* ---- Threads --------------------------------------------------------------------------------------------------------- */

static bool is_live(const struct segment_thread *record) {
    return !record->own && record->state != SEGMENT_THREAD_FREE && record->state != SEGMENT_THREAD_EXITED;
}

/* The wait that a thread is in, unless it was told or went on while it was copied. */
static void tell_present_wait(struct trace_input *input, uint32_t index, const struct segment_thread *record) {
    struct trace_input_thread *thread = &input->threads[index];
    if (record->wait_seq % 2 == 0 || !record->wait_ticks || record->wait_ticks == thread->wait ||
        view_wait_seq(&input->reader->view, index) != record->wait_seq)
        return;
    thread->wait = record->wait_ticks;
    tell_begin(input, record->tid, record->wait_ticks, record->state, record->wait_stack, record->wait_object);
}

static void look_at_threads(struct trace_input *input) {
    const struct view *view = &input->reader->view;
    for (uint32_t i = 0; i < view->threads.count; i++) {
        struct segment_thread record;
        if (!view_thread(view, i, &record) || !is_live(&record))
            continue;
        struct trace_input_thread *thread = &input->threads[i];
        if (thread->tid != record.tid)
            *thread = (struct trace_input_thread){.tid = record.tid};
        uint32_t name = name_key(input, record.name, sizeof(record.name));
        if (name != thread->name)
            add(input, TRACE_THREAD_NAME, record.tid, input->clock.ns)->text = name;
        thread->name = name;
        tell_present_wait(input, i, &record);
    }
}

/* A thread that waits since before the recording: the dump knows where. */
static void tell_old_wait(struct trace_input *input, const struct thread_row *row) {
    if (row->state == SEGMENT_THREAD_RUNNING)
        return;
    struct trace_event *event = add(input, TRACE_STATE, row->tid, BEFORE_ALL_NS);
    event->reason = (uint16_t)reason_of(row->state);
    event->stack = stack_key(input, row->stack);
    event->value = row->since_ns;
}

static void tell_old_labels(struct trace_input *input, const struct thread_row *row) {
    const struct trace_input_thread *thread = &input->threads[row->index];
    uint32_t labels = thread->labels_tid == row->tid ? thread->labels : row->labels;
    if (labels)
        tell_labels(input, row->tid, BEFORE_ALL_NS, labels);
}

void trace_input_introduce(struct trace_input *input, uint64_t start_ns, uint64_t dump) {
    const struct view *view = &input->reader->view;
    struct threads threads;
    if (threads_take(view, dump, &threads)) {
        input->error = -ENOMEM;
        return;
    }
    for (size_t i = 0; i < threads.n; i++) {
        const struct thread_row *row = &threads.rows[i];
        if (row->started_ns > start_ns) /* its record tells */
            continue;
        add(input, TRACE_THREAD_START, row->tid, BEFORE_ALL_NS)->text = name_key(input, row->name, sizeof(row->name));
        tell_old_labels(input, row);
        if (dump)
            tell_old_wait(input, row);
    }
    threads_done(&threads);
    look_at_threads(input);
}

/* ---- All of it --------------------------------------------------------------------------------------------------------- */

int trace_input_init(struct trace_input *input) {
    const struct view *view = &input->reader->view;
    struct segment_trace trace;
    view_trace(view, &trace);
    input->since_ticks = trace.since_ticks;
    input->clock = trace_clock_now(&trace);
    input->chunks = calloc(view->trace_chunks.count + 1, sizeof(*input->chunks));
    input->threads = calloc(view->threads.count + 1, sizeof(*input->threads));
    return input->chunks && input->threads ? 0 : -ENOMEM;
}

void trace_input_done(struct trace_input *input) {
    free(input->chunks);
    free(input->threads);
    input->chunks = NULL;
    input->threads = NULL;
}

/* Chunks that were ever leased; the memory of the others is left alone. */
static uint32_t chunks_used(const struct view *view) {
    uint64_t used = __atomic_load_n(&view->segment->trace.cursor, __ATOMIC_ACQUIRE) >> 32;
    return used < view->trace_chunks.count ? (uint32_t)used : view->trace_chunks.count;
}

void trace_input_skip(struct trace_input *input) {
    const struct view *view = &input->reader->view;
    for (uint32_t i = 0, n = chunks_used(view); i < n; i++) {
        uint64_t head = view_trace_head(view, i);
        input->chunks[i] =
            (struct trace_input_chunk){.lease = head >> SEGMENT_TRACE_LEASE_SHIFT, .slots = claimed(head)};
    }
}

int trace_input_read(struct trace_input *input) {
    const struct view *view = &input->reader->view;
    struct segment_trace trace;
    view_trace(view, &trace);
    input->clock = trace_clock_now(&trace);
    look_at_threads(input);
    for (uint32_t i = 0, n = chunks_used(view); i < n; i++)
        read_chunk(input, i);
    return trace_input_flush(input);
}

void trace_input_survey(struct trace_input *input) {
    const struct view *view = &input->reader->view;
    for (uint32_t i = 0, n = chunks_used(view); i < n; i++)
        survey_chunk(input, i);
}

void trace_input_tell(struct trace_input *input, uint64_t from_ns, uint64_t until_ns) {
    for (uint32_t i = 0; i < input->reader->view.trace_chunks.count; i++) {
        const struct trace_input_chunk *known = &input->chunks[i];
        if (known->lease && known->first_ns < until_ns && known->last_ns >= from_ns)
            tell_chunk(input, i, from_ns, until_ns);
    }
}

uint64_t trace_input_horizon_ns(const struct trace_input *input) {
    struct segment_trace trace;
    view_trace(&input->reader->view, &trace);
    return ns_of(input, trace_clock_horizon(&trace));
}

uint64_t trace_input_newest_ns(const struct trace_input *input) {
    uint64_t newest = 0;
    for (uint32_t i = 0; i < input->reader->view.trace_chunks.count; i++)
        newest = input->chunks[i].newest_ns > newest ? input->chunks[i].newest_ns : newest;
    return newest;
}
