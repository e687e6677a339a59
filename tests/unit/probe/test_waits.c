/* What a thread publishes of its waits: in the short way and in the long one, also where one follows or interrupts the other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "probe/handler/buckets.h"
#include "probe/handler/thread.h"
#include "probe/handler/trace.h"

#include <cmocka.h>

#define BEAT_NS 1234567

static struct segment_thread *record;
static const struct unwind_registers outer = {.pc = 0x1000, .sp = 0x8000, .fp = 0x9000};

static int make_segment(void **state) {
    (void)state;
    size_t bytes = (size_t)segment_bytes(0);
    struct segment *segment =
        mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_true(segment != MAP_FAILED);
    segment_format(segment, 0, 1, 4096, 1, 1);
    segment->mailbox.reader_ns = BEAT_NS;
    probe_thread = (struct probe_thread){0};
    probe = (struct probe){.segment = segment, .watching = PROBE_WAITS, .trace_chunks_most = 1};
    probe.tables.stack_slots = segment_entries(segment, &segment->stack_slots);
    probe.tables.stack_words = segment_entries(segment, &segment->stack_words);
    probe.tables.threads = segment_entries(segment, &segment->threads);
    probe.tables.parts = segment_entries(segment, &segment->parts);
    probe.tables.trace_chunks = segment_entries(segment, &segment->trace_chunks);
    record = thread_attach();
    assert_non_null(record);
    return 0;
}

static int drop_segment(void **state) {
    (void)state;
    munmap(probe.segment, (size_t)segment_bytes(0));
    return 0;
}

static void begin_plainly(void) {
    assert_true(thread_ready_to_wait() == record);
    thread_wait_begin_plainly(record, SEGMENT_THREAD_NETWORK, 7, outer);
}

static void assert_waits_for_nothing(void) {
    assert_int_equal(record->wait_seq % 2, 0);
    assert_int_equal(record->state, SEGMENT_THREAD_RUNNING);
    assert_int_equal(record->wait_ticks, 0);
}

static void plain_wait_is_published_and_over(void **state) {
    (void)state;
    uint64_t before = record->wait_seq;
    begin_plainly();
    assert_int_equal(record->wait_seq, before + 1);
    assert_int_equal(record->wait_seq % 2, 1);
    assert_int_equal(record->state, SEGMENT_THREAD_NETWORK);
    assert_int_equal(record->wait_object, 7);
    assert_int_equal(record->wait_pc, outer.pc);
    assert_int_equal(record->wait_sp, outer.sp);
    assert_int_equal(record->wait_fp, outer.fp);
    assert_int_equal(record->state_since_ns, BEAT_NS);
    assert_int_equal(thread_wait_end_plainly(-5), -5);
    assert_waits_for_nothing();
    begin_plainly();
    assert_int_equal(record->wait_seq, before + 3); /* another wait, though it began at the same beat */
}

static void who_is_not_plainly_watched_takes_the_long_way(void **state) {
    (void)state;
    probe.watching = 0;
    assert_null(thread_ready_to_wait());
    probe.watching = PROBE_WAITS | PROBE_TRACE;
    assert_null(thread_ready_to_wait());
    probe.watching = PROBE_WAITS;
    probe_thread.record = NULL;
    assert_null(thread_ready_to_wait());
}

static void wait_inside_of_a_wait_changes_nothing(void **state) {
    (void)state;
    begin_plainly();
    uint64_t seq = record->wait_seq;
    assert_null(thread_ready_to_wait());
    const struct unwind_registers handler = {.pc = 0x2000, .sp = outer.sp - 64};
    thread_wait_end(thread_wait_begin(SEGMENT_THREAD_IO, 1, 0, &handler), false);
    assert_int_equal(record->wait_seq, seq);
    assert_int_equal(record->wait_pc, outer.pc);
    thread_wait_end_plainly(0);
    assert_waits_for_nothing();
}

static void wait_that_a_jump_left_gives_way_to_the_next(void **state) {
    (void)state;
    begin_plainly();
    const struct unwind_registers later = {.pc = 0x2000, .sp = outer.sp + 64};
    assert_null(thread_ready_to_wait());
    thread_wait_end(thread_wait_begin(SEGMENT_THREAD_IO, 1, 0, &later), false);
    assert_waits_for_nothing();
    begin_plainly();
    thread_wait_end_plainly(0);
    assert_waits_for_nothing();
}

/* The other stack is above: its wait takes the interrupted one for left by a jump, which then ends all the same. */
static void wait_may_end_after_a_handler_took_it_as_over(void **state) {
    (void)state;
    begin_plainly();
    const struct unwind_registers elsewhere = {.pc = 0x2000, .sp = outer.sp + 64};
    thread_wait_end(thread_wait_begin(SEGMENT_THREAD_IO, 1, 0, &elsewhere), false);
    thread_wait_end_plainly(0);
    assert_waits_for_nothing();
}

/* Waits for a thousand locks at one place: some locks are told apart, the waits for all others add up, none is lost. */
static void many_locks_cannot_fill_the_table(void **state) {
    (void)state;
    static char locks[1000];
    uint64_t told_apart = 0, waits = 0, others = 0;
    probe.tables.block = segment_entries(probe.segment, &probe.segment->block);
    for (int turn = 0; turn < 2; turn++)
        for (size_t i = 0; i < sizeof locks; i++)
            buckets_add_block(/* stack_id= */ 5, &locks[i], 1, 10);
    for (uint32_t i = 0; i < SEGMENT_WAIT_BUCKETS; i++) {
        const struct segment_wait_bucket *bucket = &probe.tables.block[i];
        waits += bucket->count_q16;
        told_apart += bucket->lock != 0;
        others += bucket->key != 0 && bucket->lock == 0;
        assert_true(bucket->lock == 0 || bucket->count_q16 == 2);
        assert_true(bucket->lock == 0 || (bucket->lock >= (uintptr_t)locks && bucket->lock < (uintptr_t)&locks[1000]));
    }
    assert_int_equal(waits, 2000);
    assert_true(told_apart > BUCKETS_LOCKS_MAX / 2 && told_apart <= BUCKETS_LOCKS_MAX);
    assert_int_equal(others, 1);
    assert_int_equal(probe.segment->counters.lost_block, 0);
}

static void trace_that_began_in_a_wait_has_its_end(void **state) {
    (void)state;
    begin_plainly();
    probe.watching = PROBE_WAITS | PROBE_TRACE;
    assert_int_equal(thread_wait_end_plainly(3), 3);
    assert_waits_for_nothing();
    const struct segment_trace_record *traced = probe.tables.trace_chunks[0].records;
    assert_int_equal(traced->kind, SEGMENT_TRACE_WAIT);
    assert_int_equal(traced->begin, 0);
    assert_true(traced->value > 0);
    assert_int_equal(traced->object, 7);
}

/* What the long way left must not be taken for the time of a plain wait. */
static void trace_that_ended_in_a_wait_leaves_no_time(void **state) {
    (void)state;
    probe.watching = PROBE_WAITS | PROBE_TRACE;
    struct segment_thread *waits = thread_wait_begin(SEGMENT_THREAD_IO, 1, 0, &outer);
    assert_int_not_equal(record->wait_ticks, 0);
    probe.watching = PROBE_WAITS;
    thread_wait_end(waits, false);
    assert_waits_for_nothing();
    begin_plainly();
    assert_int_equal(record->wait_ticks, 0);
}

static void fork_in_a_wait_leaves_the_child_alone(void **state) {
    (void)state;
    begin_plainly();
    uint64_t seq = record->wait_seq;
    probe_thread.record = NULL; /* as in the child, whose segment this is not */
    assert_int_equal(thread_wait_end_plainly(4), 4);
    assert_int_equal(record->wait_seq, seq);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_segment, drop_segment)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(plain_wait_is_published_and_over),
        TEST(who_is_not_plainly_watched_takes_the_long_way),
        TEST(wait_inside_of_a_wait_changes_nothing),
        TEST(wait_that_a_jump_left_gives_way_to_the_next),
        TEST(wait_may_end_after_a_handler_took_it_as_over),
        TEST(many_locks_cannot_fill_the_table),
        TEST(trace_that_began_in_a_wait_has_its_end),
        TEST(trace_that_ended_in_a_wait_leaves_no_time),
        TEST(fork_in_a_wait_leaves_the_child_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
