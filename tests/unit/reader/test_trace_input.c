/* From the records of a segment to events: what the writer is given, and what a broken or hostile target cannot bring
 * about. The linker sends the reader's calls of trace_writer_add here (-Wl,--wrap). */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* clang-format off */
#include <setjmp.h> /* cmocka.h needs these before it */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "base/clock.h"
#include "fake.h"
#include "reader/reader.h"
#include "reader/trace_input.h"

#define EVENTS_MAX 4096u
#define TID 101u
#define PROCESS 3u

static struct fake fake;
static struct reader *reader;
static struct trace_input input;
static struct string_set texts;
static struct trace_event events[EVENTS_MAX];
static size_t n_events;
static uint64_t base; /* ticks, which are nanoseconds here */

int __wrap_trace_writer_add(struct trace_writer *writer, const struct trace_event *added, size_t n);

int __wrap_trace_writer_add(struct trace_writer *writer, const struct trace_event *added, size_t n) {
    (void)writer;
    assert_true(n_events + n <= EVENTS_MAX);
    memcpy(events + n_events, added, n * sizeof(*added));
    n_events += n;
    return 0;
}

static int setup(void **unused) {
    (void)unused;
    fake_make(&fake);
    base = clock_monotonic_ns() - NS_PER_S;
    fake.segment->trace.recording = 1;
    fake.segment->trace.since_ticks = base - 1000;
    fake_thread(&fake, TID, "worker", SEGMENT_THREAD_RUNNING);
    assert_int_equal(reader_new(fake.segment, fake.bytes, &reader), 0);
    input = (struct trace_input){.reader = reader, .process = PROCESS, .texts = &texts, .thread_suffix = ""};
    assert_int_equal(trace_input_init(&input), 0);
    n_events = 0;
    return 0;
}

static int teardown(void **unused) {
    (void)unused;
    trace_input_done(&input);
    reader_free(reader);
    string_set_done(&texts);
    fake_free(&fake);
    return 0;
}

static struct segment_trace_chunk *chunk_of(uint32_t index) {
    return (struct segment_trace_chunk *)segment_entries(fake.segment, &fake.segment->trace_chunks) + index;
}

static struct segment_trace_chunk *lease(uint32_t index, uint32_t tid) {
    struct segment_trace_chunk *chunk = chunk_of(index);
    uint64_t number = ++fake.segment->trace.leases;
    chunk->head = number << SEGMENT_TRACE_LEASE_SHIFT;
    chunk->tid = tid;
    chunk->ready = number;
    if (fake.segment->trace.cursor >> 32 <= index)
        fake.segment->trace.cursor = (uint64_t)(index + 1) << 32;
    return chunk;
}

static void put(struct segment_trace_chunk *chunk, struct segment_trace_record record) {
    uint64_t slot = chunk->head++ & SEGMENT_TRACE_SLOT_MASK;
    record.lease = (uint16_t)(chunk->head >> SEGMENT_TRACE_LEASE_SHIFT);
    if (slot < SEGMENT_TRACE_RECORDS)
        chunk->records[slot] = record;
}

static const char *text_of(uint64_t key) {
    assert_true(key > 0 && key <= texts.n_entries);
    return texts.entries[key - 1].text;
}

static unsigned count(enum trace_kind kind) {
    unsigned n = 0;
    for (size_t i = 0; i < n_events; i++)
        n += events[i].kind == kind;
    return n;
}

/* The n-th event of a kind. */
static struct trace_event told(enum trace_kind kind, unsigned n) {
    size_t i = 0;
    while (i < n_events && (events[i].kind != kind || n-- > 0))
        i++;
    assert_true(i < n_events);
    return events[i];
}

static void read_all(void) {
    assert_int_equal(trace_input_read(&input), 0);
}

static uint64_t key_of(uint64_t number) {
    return (uint64_t)PROCESS << TRACE_ADDRESS_SHIFT | number;
}

static struct segment_trace_record wait_record(uint8_t reason, uint64_t begin, uint64_t end) {
    return (struct segment_trace_record){
        .kind = SEGMENT_TRACE_WAIT, .reason = reason, .begin = begin, .value = end, .object = 0x1000, .stack = 7};
}

/* ---- What records mean ----------------------------------------------------------------------------------------------- */

static void a_wait_is_its_beginning_and_its_end(void **unused) {
    (void)unused;
    put(lease(0, TID), wait_record(SEGMENT_THREAD_MUTEX, base, base + 500));
    read_all();
    struct trace_event begin = told(TRACE_BLOCK, 0), end = told(TRACE_UNBLOCK, 0);
    assert_int_equal(begin.time_ns, base);
    assert_int_equal(end.time_ns, base + 500);
    assert_int_equal(begin.thread, TID);
    assert_int_equal(begin.reason, TRACE_MUTEX);
    assert_int_equal(begin.object, key_of(0x1000));
    assert_int_equal(begin.stack, (uint64_t)PROCESS << TRACE_STACK_SHIFT | 7);
    assert_int_equal(end.value, 0);
}

static void a_wait_that_timed_out_says_so(void **unused) {
    (void)unused;
    put(lease(0, TID), wait_record(SEGMENT_THREAD_COND | SEGMENT_TRACE_TIMED_OUT, base, base + 500));
    read_all();
    assert_int_equal(told(TRACE_BLOCK, 0).reason, TRACE_COND);
    assert_int_equal(told(TRACE_UNBLOCK, 0).value, 1);
}

static void a_wait_from_before_the_recording_only_ends(void **unused) {
    (void)unused;
    put(lease(0, TID), wait_record(SEGMENT_THREAD_MUTEX, 0, base + 500));
    read_all();
    assert_int_equal(count(TRACE_BLOCK), 0);
    assert_int_equal(count(TRACE_UNBLOCK), 1);
}

static void a_wait_that_is_under_way_is_told_once(void **unused) {
    (void)unused;
    struct segment_thread *thread = segment_entries(fake.segment, &fake.segment->threads);
    thread->state = SEGMENT_THREAD_MUTEX;
    thread->wait_seq = 1;
    thread->wait_ticks = base + 10;
    thread->wait_object = 0x1000;
    read_all();
    assert_int_equal(told(TRACE_BLOCK, 0).time_ns, base + 10);
    put(lease(0, TID), wait_record(SEGMENT_THREAD_MUTEX, base + 10, base + 500));
    thread->wait_seq = 2;
    read_all();
    assert_int_equal(count(TRACE_BLOCK), 1);
    assert_int_equal(told(TRACE_UNBLOCK, 0).time_ns, base + 500);
}

static void a_message_stands_in_the_slots_behind_it(void **unused) {
    (void)unused;
    memcpy(segment_entries(fake.segment, &fake.segment->string_bytes), "\3key", 4);
    struct segment_trace_chunk *chunk = lease(0, TID);
    struct segment_trace_record part = {.kind = SEGMENT_TRACE_TEXT};
    put(chunk, (struct segment_trace_record){
                   .kind = SEGMENT_TRACE_LOG, .begin = base, .object = 5, .value = (uint64_t)30 << 32 | 1});
    memcpy(&part.begin, "twenty-four characters, ", SEGMENT_TRACE_TEXT_BYTES);
    put(chunk, part);
    memcpy(&part.begin, "and six, not more      ", SEGMENT_TRACE_TEXT_BYTES);
    put(chunk, part);
    read_all();
    struct trace_event log = told(TRACE_LOG, 0);
    assert_string_equal(text_of(log.text), "key");
    assert_string_equal(text_of(log.value), "twenty-four characters, and si");
    assert_int_equal(log.object, key_of(5));
    assert_int_equal(n_events, 2); /* and the thread's name */
}

static uint32_t labels_made(const char *key, const char *value) {
    struct segment_label label = {.key = fake_string(&fake, key, (uint8_t)strlen(key)),
                                  .value = fake_string(&fake, value, (uint8_t)strlen(value))};
    return fake_string(&fake, &label, sizeof(label));
}

static void labels_are_told_as_one_text(void **unused) {
    (void)unused;
    put(lease(0, TID), (struct segment_trace_record){
                           .kind = SEGMENT_TRACE_LABELS, .begin = base, .value = labels_made("route", "/users")});
    put(chunk_of(0), (struct segment_trace_record){.kind = SEGMENT_TRACE_LABELS, .begin = base + 1, .value = 0});
    read_all();
    assert_string_equal(text_of(told(TRACE_LABEL, 0).text), "route=/users");
    assert_int_equal(told(TRACE_LABEL, 1).text, 0);
}

/* The record has those of now, which came within the window: its first change tells what was before. */
static void a_window_begins_with_the_labels_of_its_beginning(void **unused) {
    (void)unused;
    uint32_t before = labels_made("step", "one"), between = labels_made("step", "two");
    struct segment_thread *thread = segment_entries(fake.segment, &fake.segment->threads);
    thread->labels = labels_made("step", "three");
    struct segment_trace_record change = {.kind = SEGMENT_TRACE_LABELS, .begin = base, .value = thread->labels};
    change.object = between;
    change.begin = base + 100;
    put(lease(1, TID), change);
    change.value = between;
    change.object = before;
    change.begin = base + 50;
    put(lease(0, TID), change);
    trace_input_survey(&input);
    trace_input_introduce(&input, base, /* dump= */ 0);
    assert_int_equal(trace_input_flush(&input), 0);
    assert_int_equal(count(TRACE_LABEL), 1);
    assert_string_equal(text_of(told(TRACE_LABEL, 0).text), "step=one");
}

static void without_a_change_the_labels_are_those_of_now(void **unused) {
    (void)unused;
    struct segment_thread *thread = segment_entries(fake.segment, &fake.segment->threads);
    thread->labels = labels_made("step", "three");
    trace_input_survey(&input);
    trace_input_introduce(&input, base, /* dump= */ 0);
    assert_int_equal(trace_input_flush(&input), 0);
    assert_string_equal(text_of(told(TRACE_LABEL, 0).text), "step=three");
}

static void a_start_tells_who_made_it_and_when(void **unused) {
    (void)unused;
    put(lease(0, TID),
        (struct segment_trace_record){
            .kind = SEGMENT_TRACE_START, .begin = base + 100, .object = 0x4000, .value = (uint64_t)99 << 32 | 40});
    read_all();
    struct trace_event start = told(TRACE_THREAD_START, 0);
    assert_int_equal(start.peer, 99);
    assert_int_equal(start.value, base + 60);
    assert_int_equal(start.object, key_of(0x4000));
}

/* ---- What is read, and how often --------------------------------------------------------------------------------------- */

static void each_record_is_told_once(void **unused) {
    (void)unused;
    struct segment_trace_chunk *chunk = lease(0, TID);
    for (unsigned i = 0; i < 10; i++) {
        put(chunk, (struct segment_trace_record){.kind = SEGMENT_TRACE_WAKE, .begin = base + i, .object = 1});
        read_all();
        read_all();
    }
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(told(TRACE_WAKE, i).time_ns, base + i);
    assert_int_equal(count(TRACE_WAKE), 10);
}

static void what_was_there_before_is_passed_over(void **unused) {
    (void)unused;
    struct segment_trace_chunk *chunk = lease(0, TID);
    put(chunk, (struct segment_trace_record){.kind = SEGMENT_TRACE_WAKE, .begin = base, .object = 1});
    trace_input_skip(&input);
    put(chunk, (struct segment_trace_record){.kind = SEGMENT_TRACE_WAKE, .begin = base + 1, .object = 1});
    read_all();
    assert_int_equal(told(TRACE_WAKE, 0).time_ns, base + 1);
    assert_int_equal(count(TRACE_WAKE), 1);
}

static void records_of_an_earlier_recording_are_none(void **unused) {
    (void)unused;
    put(lease(0, TID), (struct segment_trace_record){
                           .kind = SEGMENT_TRACE_WAKE, .begin = fake.segment->trace.since_ticks - 1, .object = 1});
    read_all();
    assert_int_equal(count(TRACE_WAKE), 0);
}

static void records_of_an_earlier_lease_are_none(void **unused) {
    (void)unused;
    put(lease(0, TID), (struct segment_trace_record){.kind = SEGMENT_TRACE_WAKE, .begin = base, .object = 1});
    lease(0, TID)->head += 5; /* claimed, and what stands there is the old one's */
    read_all();
    read_all();
    assert_int_equal(count(TRACE_WAKE), 0);
}

static void a_chunk_that_is_leased_anew_is_read_from_its_start(void **unused) {
    (void)unused;
    put(lease(0, TID), (struct segment_trace_record){.kind = SEGMENT_TRACE_WAKE, .begin = base, .object = 1});
    read_all();
    put(lease(0, TID + 1), (struct segment_trace_record){.kind = SEGMENT_TRACE_WAKE, .begin = base + 9, .object = 1});
    read_all();
    assert_int_equal(told(TRACE_WAKE, 1).thread, TID + 1);
    assert_int_equal(told(TRACE_WAKE, 1).time_ns, base + 9);
}

static void a_slot_that_is_never_written_is_waited_for_once(void **unused) {
    (void)unused;
    struct segment_trace_chunk *chunk = lease(0, TID);
    chunk->head++; /* claimed by a thread that was killed */
    put(chunk, (struct segment_trace_record){.kind = SEGMENT_TRACE_WAKE, .begin = base, .object = 1});
    read_all();
    assert_int_equal(count(TRACE_WAKE), 0);
    read_all();
    assert_int_equal(count(TRACE_WAKE), 1);
}

static void slices_are_told_without_holes_and_without_doubles(void **unused) {
    (void)unused;
    for (uint32_t index = 0; index < 2; index++)
        for (uint64_t i = 0, chunk = index; i < 100; i++) {
            struct segment_trace_chunk *filled = i ? chunk_of(index) : lease(index, TID + index);
            put(filled,
                (struct segment_trace_record){.kind = SEGMENT_TRACE_WAKE, .begin = base + 2 * i + chunk, .object = 1});
        }
    trace_input_survey(&input);
    assert_int_equal(trace_input_newest_ns(&input), base + 199);
    for (uint64_t at = 0; at < 220; at += 11)
        trace_input_tell(&input, at ? base + at : 0, base + at + 11);
    assert_int_equal(trace_input_flush(&input), 0);
    assert_int_equal(n_events, 200);
    for (size_t i = 1; i < n_events; i++) /* a slice is a chunk after the other */
        assert_true(events[i].time_ns + 11 > events[i - 1].time_ns);
}

/* ---- What a target must not bring about ---------------------------------------------------------------------------------- */

static void unknown_kinds_and_reasons_are_harmless(void **unused) {
    (void)unused;
    struct segment_trace_chunk *chunk = lease(0, TID);
    for (unsigned kind = 0; kind < 120; kind++)
        put(chunk, (struct segment_trace_record){.kind = (uint8_t)(kind + SEGMENT_TRACE_LABELS + 1),
                                                 .reason = (uint8_t)(255 - kind),
                                                 .begin = base + kind});
    put(chunk, wait_record(0x7f, base, base + 1));
    read_all();
    assert_int_equal(told(TRACE_BLOCK, 0).reason, TRACE_OTHER);
    assert_int_equal(n_events, 3); /* the wait's two, and the thread's name */
}

static void more_slots_than_there_are_are_not_read(void **unused) {
    (void)unused;
    struct segment_trace_chunk *chunk = lease(FAKE_CHUNKS - 1, TID);
    for (unsigned i = 0; i < SEGMENT_TRACE_RECORDS; i++)
        put(chunk, (struct segment_trace_record){.kind = SEGMENT_TRACE_WAKE, .begin = base + i, .object = 1});
    chunk->head |= SEGMENT_TRACE_SLOT_MASK;
    fake.segment->trace.cursor = UINT64_MAX;
    read_all();
    assert_int_equal(count(TRACE_WAKE), SEGMENT_TRACE_RECORDS);
}

static void a_message_ends_with_its_chunk_and_its_limit(void **unused) {
    (void)unused;
    struct segment_trace_chunk *chunk = lease(0, TID);
    struct segment_trace_record part = {.kind = SEGMENT_TRACE_TEXT};
    memset(&part.begin, 'x', SEGMENT_TRACE_TEXT_BYTES);
    put(chunk, (struct segment_trace_record){.kind = SEGMENT_TRACE_LOG, .begin = base, .value = UINT64_MAX});
    for (unsigned i = 0; i < 20; i++)
        put(chunk, part);
    while ((chunk->head & SEGMENT_TRACE_SLOT_MASK) < SEGMENT_TRACE_RECORDS - 2)
        put(chunk, (struct segment_trace_record){.kind = SEGMENT_TRACE_HEAP, .begin = base});
    put(chunk, (struct segment_trace_record){.kind = SEGMENT_TRACE_LOG, .begin = base, .value = UINT64_MAX});
    put(chunk, part);
    read_all();
    assert_int_equal(strlen(text_of(told(TRACE_LOG, 0).value)), SEGMENT_TRACE_MESSAGE_BYTES_MAX);
    assert_int_equal(strlen(text_of(told(TRACE_LOG, 1).value)), SEGMENT_TRACE_TEXT_BYTES);
}

static void a_string_outside_of_the_table_is_none(void **unused) {
    (void)unused;
    struct segment_trace_chunk *chunk = lease(0, TID);
    uint8_t *bytes = segment_entries(fake.segment, &fake.segment->string_bytes);
    bytes[FAKE_STRING_BYTES - 1] = 200; /* it would end behind the table */
    for (uint64_t id = FAKE_STRING_BYTES; id < FAKE_STRING_BYTES + 2; id++)
        put(chunk, (struct segment_trace_record){.kind = SEGMENT_TRACE_REGION_BEGIN, .begin = base, .value = id});
    put(chunk, (struct segment_trace_record){
                   .kind = SEGMENT_TRACE_TASK_BEGIN, .begin = base, .object = 1, .value = UINT64_MAX});
    read_all();
    assert_int_equal(told(TRACE_REGION_BEGIN, 0).text, 0);
    assert_int_equal(told(TRACE_REGION_BEGIN, 1).text, 0);
    assert_int_equal(told(TRACE_TASK_BEGIN, 0).text, 0);
}

static void objects_of_another_process_are_out_of_reach(void **unused) {
    (void)unused;
    struct segment_trace_chunk *chunk = lease(0, TID);
    uint64_t foreign = (uint64_t)(PROCESS ^ 1) << TRACE_ADDRESS_SHIFT | 0x77;
    put(chunk, (struct segment_trace_record){.kind = SEGMENT_TRACE_WAKE, .begin = base, .object = foreign});
    put(chunk, (struct segment_trace_record){.kind = SEGMENT_TRACE_TASK_END, .begin = base, .object = foreign});
    read_all();
    assert_int_equal(told(TRACE_WAKE, 0).object, key_of(0x77));
    assert_int_equal(told(TRACE_TASK_END, 0).object, key_of(0x77));
}

static void a_thread_index_outside_of_the_table_is_none(void **unused) {
    (void)unused;
    struct segment_trace_chunk *chunk = lease(0, TID);
    chunk->thread = UINT32_MAX;
    put(chunk, wait_record(SEGMENT_THREAD_MUTEX, base, base + 1));
    read_all();
    assert_int_equal(count(TRACE_BLOCK), 1);
}

static void times_are_at_most_a_second_ahead(void **unused) {
    (void)unused;
    struct segment_trace_chunk *chunk = lease(0, TID);
    uint64_t ahead = (uint64_t)INT64_MAX / 2;
    put(chunk, (struct segment_trace_record){.kind = SEGMENT_TRACE_WAKE, .begin = base + ahead, .object = 1});
    read_all();
    assert_true(told(TRACE_WAKE, 0).time_ns <= clock_monotonic_ns() + NS_PER_S);
}

static void texts_without_end_take_bounded_memory(void **unused) {
    (void)unused;
    char text[16];
    assert_int_not_equal(string_set_add(&texts, "worker", 6), HASH_NONE);
    for (unsigned i = 0; texts.n_entries < TRACE_TEXTS_MAX; i++)
        string_set_add(&texts, text, (size_t)snprintf(text, sizeof(text), "%u", i));
    struct segment_trace_record part = {.kind = SEGMENT_TRACE_TEXT};
    struct segment_trace_chunk *chunk = lease(0, TID);
    for (unsigned i = 0; i < 20; i++) {
        put(chunk, (struct segment_trace_record){
                       .kind = SEGMENT_TRACE_LOG, .begin = base, .value = (uint64_t)SEGMENT_TRACE_TEXT_BYTES << 32});
        memset(&part.begin, (int)('A' + i), SEGMENT_TRACE_TEXT_BYTES);
        put(chunk, part);
    }
    read_all();
    assert_string_equal(text_of(told(TRACE_LOG, 0).value), "(too many texts)");
    assert_string_equal(text_of(told(TRACE_LOG, 19).value), "(too many texts)");
    assert_string_equal(text_of(told(TRACE_THREAD_NAME, 0).text), "worker"); /* it was known */
    assert_int_equal(texts.n_entries, TRACE_TEXTS_MAX + 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_wait_is_its_beginning_and_its_end),
        TEST(a_wait_that_timed_out_says_so),
        TEST(a_wait_from_before_the_recording_only_ends),
        TEST(a_wait_that_is_under_way_is_told_once),
        TEST(a_message_stands_in_the_slots_behind_it),
        TEST(labels_are_told_as_one_text),
        TEST(a_window_begins_with_the_labels_of_its_beginning),
        TEST(without_a_change_the_labels_are_those_of_now),
        TEST(a_start_tells_who_made_it_and_when),
        TEST(each_record_is_told_once),
        TEST(what_was_there_before_is_passed_over),
        TEST(records_of_an_earlier_recording_are_none),
        TEST(records_of_an_earlier_lease_are_none),
        TEST(a_chunk_that_is_leased_anew_is_read_from_its_start),
        TEST(a_slot_that_is_never_written_is_waited_for_once),
        TEST(slices_are_told_without_holes_and_without_doubles),
        TEST(unknown_kinds_and_reasons_are_harmless),
        TEST(more_slots_than_there_are_are_not_read),
        TEST(a_message_ends_with_its_chunk_and_its_limit),
        TEST(a_string_outside_of_the_table_is_none),
        TEST(objects_of_another_process_are_out_of_reach),
        TEST(a_thread_index_outside_of_the_table_is_none),
        TEST(times_are_at_most_a_second_ahead),
        TEST(texts_without_end_take_bounded_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
