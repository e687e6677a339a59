/* The recorder: what is written is there, in order, within its bound, also when threads and signals write at once. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "probe/handler/thread.h"
#include "probe/handler/trace.h"

#include <cmocka.h>

#define CHUNKS 16u
#define THREADS 4
#define EACH 200000u

static struct segment_trace *trace;
static struct segment_trace_chunk *chunks;

static int make_segment(void **state) {
    (void)state;
    size_t bytes = (size_t)segment_bytes(0);
    struct segment *segment =
        mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_true(segment != MAP_FAILED);
    segment_format(segment, 0, 1, 4096, 1, 1);
    probe_thread = (struct probe_thread){0};
    probe = (struct probe){
        .segment = segment, .watching = PROBE_TRACE, .trace_chunks_most = CHUNKS, .trace_keep_ticks = UINT64_MAX};
    probe.tables.stack_slots = segment_entries(segment, &segment->stack_slots);
    probe.tables.stack_words = segment_entries(segment, &segment->stack_words);
    probe.tables.threads = segment_entries(segment, &segment->threads);
    probe.tables.parts = segment_entries(segment, &segment->parts);
    probe.tables.trace_chunks = chunks = segment_entries(segment, &segment->trace_chunks);
    trace = &segment->trace;
    return 0;
}

static int drop_segment(void **state) {
    (void)state;
    munmap(probe.segment, (size_t)segment_bytes(0));
    return 0;
}

/* Times are the test's own: 1, 2, 3 … */
static void record(uint64_t begin) {
    trace_record((struct segment_trace_record){.kind = SEGMENT_TRACE_WAKE, .begin = begin, .object = ~begin});
}

static uint32_t chunks_used(void) {
    return (uint32_t)(trace->cursor >> 32);
}

static uint64_t lease_of(const struct segment_trace_chunk *chunk) {
    return chunk->head >> SEGMENT_TRACE_LEASE_SHIFT;
}

/* Records in all chunks; each is whole, and of the thread that has the chunk. */
static uint64_t count_records(uint64_t *ret_oldest) {
    uint64_t n = 0, oldest = UINT64_MAX;
    for (uint32_t i = 0; i < chunks_used(); i++) {
        assert_int_equal(chunks[i].ready, lease_of(&chunks[i]));
        for (uint32_t slot = 0; slot < SEGMENT_TRACE_RECORDS; slot++) {
            const struct segment_trace_record *one = &chunks[i].records[slot];
            if (!one->kind || one->lease != (uint16_t)lease_of(&chunks[i]))
                continue;
            assert_int_equal(one->object, ~one->begin);
            oldest = one->begin < oldest ? one->begin : oldest;
            n++;
        }
    }
    *ret_oldest = oldest;
    return n;
}

static void records_of_a_thread_stand_in_their_order(void **state) {
    (void)state;
    for (uint64_t i = 1; i <= SEGMENT_TRACE_RECORDS + 1; i++)
        record(i);
    assert_int_equal(chunks_used(), 2);
    assert_int_equal(chunks[0].tid, syscall(SYS_gettid));
    for (uint32_t i = 0; i < SEGMENT_TRACE_RECORDS; i++)
        assert_int_equal(chunks[0].records[i].begin, i + 1);
    assert_int_equal(chunks[1].records[0].begin, SEGMENT_TRACE_RECORDS + 1);
    assert_int_equal(chunks[1].records[1].kind, SEGMENT_TRACE_NONE);
}

static void oldest_goes_when_all_chunks_are_used(void **state) {
    (void)state;
    uint64_t n = 10 * CHUNKS * SEGMENT_TRACE_RECORDS, oldest;
    for (uint64_t i = 1; i <= n; i++)
        record(i);
    assert_int_equal(chunks_used(), CHUNKS);
    assert_int_equal(count_records(&oldest), CHUNKS * SEGMENT_TRACE_RECORDS);
    assert_int_equal(oldest, n - CHUNKS * SEGMENT_TRACE_RECORDS + 1);
    assert_int_equal(trace->lost_ticks, oldest - 1);
}

static void chunks_that_are_old_enough_are_used_before_fresh_ones(void **state) {
    (void)state;
    uint64_t now = trace_ticks();
    probe.trace_keep_ticks = 3600000000000u;
    for (uint32_t i = 0; i < 3 * SEGMENT_TRACE_RECORDS; i++)
        record(now);
    assert_int_equal(chunks_used(), 3);
    probe.trace_keep_ticks = 1;
    for (uint32_t i = 0; i < 30 * SEGMENT_TRACE_RECORDS; i++)
        record(now);
    assert_int_equal(chunks_used(), 3);
    probe.trace_keep_ticks = 3600000000000u;
    for (uint32_t i = 0; i < SEGMENT_TRACE_RECORDS; i++)
        record(now);
    assert_int_equal(chunks_used(), 4);
}

static void *record_one(void *data) {
    record(*(const uint64_t *)data);
    return NULL;
}

static void in_thread(uint64_t begin) {
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, record_one, &begin), 0);
    pthread_join(thread, NULL);
}

static void thread_that_records_little_leaves_its_chunk_in_time(void **state) {
    (void)state;
    record(1);
    uint64_t first = probe_thread.trace_lease;
    for (uint64_t i = 0; i < CHUNKS / 4; i++)
        in_thread(2 + i);
    record(100);
    assert_int_equal(probe_thread.trace_lease, first);
    in_thread(101);
    record(102);
    assert_int_not_equal(probe_thread.trace_lease, first);
}

static void thread_whose_chunk_went_writes_to_another(void **state) {
    (void)state;
    probe.trace_chunks_most = 2;
    record(1);
    struct segment_trace_chunk *before = probe_thread.trace_chunk;
    for (uint64_t i = 2; i < 6; i++)
        in_thread(i);
    uint64_t lease = lease_of(before);
    record(7);
    assert_true(lease_of(before) == lease || probe_thread.trace_chunk == before);
    uint64_t oldest;
    count_records(&oldest); /* asserts that each is whole */
    assert_int_equal(probe_thread.trace_chunk->records[0].begin, 7);
}

static void nothing_is_recorded_of_our_own_threads(void **state) {
    (void)state;
    probe_thread.own = true;
    record(1);
    assert_int_equal(trace->leases, 0);
}

static void on_signal(int number) {
    (void)number;
    record(trace_ticks());
}

static void *record_many(void *data) {
    for (uint32_t i = 0; i < EACH; i++) {
        record(trace_ticks());
        if (i % 64 == 0)
            raise(SIGUSR1);
    }
    return data;
}

static void threads_and_signals_lose_nothing(void **state) {
    (void)state;
    pthread_t threads[THREADS];
    uint64_t oldest;
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGUSR1, &action, NULL);
    probe.trace_chunks_most = probe.segment->trace_chunks.count;
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, record_many, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    uint64_t most = probe.trace_chunks_most * SEGMENT_TRACE_RECORDS, there = count_records(&oldest);
    assert_in_range(there, most - SEGMENT_TRACE_RECORDS * (THREADS + 1), most);
    /* Chunks that signals broke off are few: all that was recorded needed hardly more. */
    uint64_t written = THREADS * (EACH + (EACH + 63) / 64);
    assert_in_range(trace->leases, written / SEGMENT_TRACE_RECORDS, written / SEGMENT_TRACE_RECORDS * 11 / 10);
}

static void waits_tell_what_they_were(void **state) {
    (void)state;
    const struct unwind_registers nowhere = {.pc = 1};
    probe.trace_brief_ticks = UINT64_MAX;
    thread_wait_end(thread_wait_begin(SEGMENT_THREAD_MUTEX, 0x1234, 1, &nowhere), true);
    thread_wait_end(thread_wait_begin(SEGMENT_THREAD_NETWORK, 5, 1, &nowhere), false);
    probe.watching = 0;
    thread_wait_end(thread_wait_begin(SEGMENT_THREAD_MUTEX, 0x1234, 1, &nowhere), false);
    const struct segment_trace_record *records = chunks[0].records;
    assert_int_equal(records[0].kind, SEGMENT_TRACE_WAIT);
    assert_int_equal(records[0].reason, SEGMENT_THREAD_MUTEX | SEGMENT_TRACE_TIMED_OUT);
    assert_int_equal(records[0].object, 0x1234);
    assert_true(records[0].begin && records[0].begin <= records[0].value);
    assert_int_equal(records[1].reason, SEGMENT_THREAD_IO); /* brief: a call, no wait */
    assert_int_equal(records[2].kind, SEGMENT_TRACE_NONE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_segment, drop_segment)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(records_of_a_thread_stand_in_their_order),
        TEST(oldest_goes_when_all_chunks_are_used),
        TEST(chunks_that_are_old_enough_are_used_before_fresh_ones),
        TEST(thread_that_records_little_leaves_its_chunk_in_time),
        TEST(thread_whose_chunk_went_writes_to_another),
        TEST(nothing_is_recorded_of_our_own_threads),
        TEST(threads_and_signals_lose_nothing),
        TEST(waits_tell_what_they_were),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
