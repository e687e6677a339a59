/* What the writer makes of events that tell a story, and of those that contradict each other; read back by go_check. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/cleanup.h"
#include "go_check.h"
#include "random_events.h"

#include <cmocka.h>

#define START_NS 1000000ull

struct story {
    struct trace_options options;
    struct trace_figures figures;
    struct buffer file, listing;
};

static const char *const texts[] = {"", "one", "two", "three", "worker-1", "tenant"};

static size_t no_libc(void *context, uint64_t key, struct trace_frame ret[], bool *ret_whole) {
    (void)context;
    static const char *const leaves[] = {"", "lock", "unlock", "read", "create"};
    size_t n = 0;
    ret[n++] = (struct trace_frame){leaves[key % 10], "a.c", 1, 0x1000 * key};
    if (key >= 10) { /* cut off before its root */
        *ret_whole = false;
        return n;
    }
    ret[n++] = (struct trace_frame){"serve", "a.c", 2, 0x2000};
    ret[n++] = (struct trace_frame){"start_thread", "", 0, 0x3000};
    ret[n++] = (struct trace_frame){"clone3", "", 0, 0x4000};
    return n;
}

static bool start_function(void *context, uint64_t address, struct trace_frame *ret) {
    (void)context;
    *ret = (struct trace_frame){"serve", "a.c", 2, address};
    return address == 0x2000;
}

static const char *text(void *context, uint64_t key) {
    (void)context;
    return texts[key];
}

static const struct trace_source source = {NULL, NULL, no_libc, start_function, text};

/* Write the events, in one generation for each `until` given (nanoseconds after the start, ends with 0). */
static void tell(struct story *story, const struct trace_event *events, size_t n, const uint64_t *until) {
    struct trace_writer *writer = NULL;
    story->options.start_ns = START_NS;
    assert_int_equal(trace_writer_new(&story->options, &source, &writer), 0);
    for (size_t i = 0; i < n; i++) {
        struct trace_event event = events[i];
        event.time_ns += START_NS;
        assert_int_equal(trace_writer_add(writer, &event, 1), 0);
    }
    for (; *until; until++)
        assert_int_equal(trace_writer_flush(writer, START_NS + *until, &story->file), 0);
    trace_writer_figures(writer, &story->figures);
    trace_writer_free(writer);
    for (unsigned skip = 1; skip < story->figures.generations; skip++)
        assert_null(go_check(story->file.data, story->file.size, skip, NULL));
    const char *why = go_check(story->file.data, story->file.size, 0, &story->listing);
    if (why)
        fail_msg("%s", why);
}

static void done(struct story *story) {
    buffer_done(&story->file);
    buffer_done(&story->listing);
}

#define TELL(story, ...)                                                                                               \
    tell(story, (const struct trace_event[]){__VA_ARGS__},                                                             \
         sizeof((const struct trace_event[]){__VA_ARGS__}) / sizeof(struct trace_event), (const uint64_t[]){1000, 0})

static void expect(const struct story *story, const char *line) {
    if (!strstr(story->listing.data, line))
        fail_msg("not in the trace: %s\n%s", line, story->listing.data);
}

static void expect_not(const struct story *story, const char *word) {
    if (strstr(story->listing.data, word))
        fail_msg("in the trace: %s\n%s", word, story->listing.data);
}

#define EVENT(time, tid, what, ...)                                                                                    \
    { .time_ns = (time), .thread = (tid), .kind = TRACE_##what, ##__VA_ARGS__ }
#define INIT(tid) EVENT(0, tid, STATE, .reason = TRACE_RUNNING)

static void a_wait_is_ended_by_the_newest_wake_of_another_thread(void **state) {
    (void)state;
    struct story story = {0};
    TELL(&story, INIT(1), INIT(2), INIT(3), EVENT(100, 1, BLOCK, .reason = TRACE_MUTEX, .object = 7, .stack = 1),
         EVENT(90, 3, WAKE, .object = 7, .stack = 2), EVENT(200, 2, WAKE, .object = 7, .stack = 2),
         EVENT(250, 3, WAKE, .object = 8, .stack = 2), EVENT(300, 1, UNBLOCK));
    expect(&story, "100 m1 GoBlock \"sync (mutex)\" lock<serve\n");
    expect(&story, "200 m2 GoUnblock 1 1 unlock<serve\n");
    expect(&story, "300 m1 ProcStart");
    assert_int_equal(story.figures.repaired + story.figures.dropped, 0);
    done(&story);
}

static void a_wait_that_timed_out_was_ended_by_nobody(void **state) {
    (void)state;
    struct story story = {0};
    TELL(&story, INIT(1), INIT(2), EVENT(100, 1, BLOCK, .reason = TRACE_COND, .object = 7),
         EVENT(200, 2, WAKE, .object = 7), EVENT(300, 1, UNBLOCK, .value = 1));
    expect(&story, "300 m1 GoUnblock 1");
    expect_not(&story, "m2 GoUnblock");
    done(&story);
}

static void a_broadcast_wakes_all_that_return_after_it(void **state) {
    (void)state;
    struct story story = {0};
    TELL(&story, INIT(1), INIT(2), INIT(3), EVENT(100, 1, BLOCK, .reason = TRACE_COND, .object = 7),
         EVENT(110, 2, BLOCK, .reason = TRACE_COND, .object = 7), EVENT(200, 3, WAKE, .object = 7),
         EVENT(300, 1, UNBLOCK), EVENT(310, 2, UNBLOCK));
    expect(&story, "m3 GoUnblock 1 ");
    expect(&story, "m3 GoUnblock 2 ");
    done(&story);
}

static void a_wake_of_the_generation_before_still_counts(void **state) {
    (void)state;
    struct story story = {0};
    const struct trace_event events[] = {INIT(1), INIT(2), EVENT(100, 1, BLOCK, .reason = TRACE_MUTEX, .object = 7),
                                         EVENT(499, 2, WAKE, .object = 7, .stack = 2), EVENT(600, 1, UNBLOCK)};
    tell(&story, events, 5, (const uint64_t[]){500, 1000, 0});
    expect(&story, "m2 GoUnblock 1 1 unlock<serve\n");
    expect_not(&story, "m1 GoUnblock");
    done(&story);
}

static void events_come_in_any_order(void **state) {
    (void)state;
    struct story story = {0};
    TELL(&story, EVENT(300, 1, UNBLOCK), EVENT(200, 2, WAKE, .object = 7), INIT(2),
         EVENT(100, 1, BLOCK, .reason = TRACE_MUTEX, .object = 7), INIT(1));
    expect(&story, "200 m2 GoUnblock 1");
    done(&story);
}

static void a_wake_before_the_wait_is_none(void **state) {
    (void)state;
    struct story story = {0};
    const struct trace_event events[] = {INIT(1),
                                         INIT(2),
                                         EVENT(10, 2, BLOCK, .reason = TRACE_MUTEX, .object = 7),
                                         EVENT(90, 3, WAKE, .object = 7),
                                         EVENT(100, 1, BLOCK, .reason = TRACE_MUTEX, .object = 7),
                                         EVENT(700, 1, UNBLOCK)};
    tell(&story, events, 6, (const uint64_t[]){500, 1000, 0});
    expect(&story, "700 m1 GoUnblock 1");
    expect_not(&story, "m3 GoUnblock");
    done(&story);
}

static void events_of_one_time_stay_in_the_order_in_which_they_came(void **state) {
    (void)state;
    struct story story = {0};
    TELL(&story, INIT(1), INIT(2), EVENT(100, 1, BLOCK, .reason = TRACE_MUTEX), EVENT(50, 2, LOG, .text = 1),
         EVENT(100, 1, UNBLOCK));
    expect(&story, "100 m1 GoBlock");
    assert_int_equal(story.figures.repaired + story.figures.dropped, 0);
    done(&story);
}

static void a_thread_is_made_by_its_maker_when_that_runs(void **state) {
    (void)state;
    struct story story = {0};
    TELL(&story, INIT(1),
         EVENT(200, 2, THREAD_START, .peer = 1, .value = START_NS + 150, .object = 0x2000, .stack = 4, .text = 4),
         EVENT(300, 2, THREAD_EXIT));
    expect(&story, "150 m1 GoCreate 2 serve create<serve\n");
    expect(&story, "200 m2 ProcStatus 2 2\n");
    expect(&story, "m2 GoLabel \"worker-1\"\n");
    expect(&story, "300 m2 GoDestroy\n");
    done(&story);
}

static void a_tid_that_comes_again_is_another_thread(void **state) {
    (void)state;
    struct story story = {0};
    TELL(&story, INIT(1), EVENT(100, 2, THREAD_START), EVENT(200, 2, THREAD_EXIT), EVENT(300, 2, THREAD_START),
         EVENT(400, 2, THREAD_START));
    expect(&story, "m2 GoCreate 2 ");
    expect(&story, "m2 GoCreate 10000000 ");
    expect(&story, "m2 GoCreate 10000001 "); /* an exit was lost */
    assert_int_equal(story.figures.repaired, 1);
    done(&story);
}

/* More than a batch of the second life is written before the first is closed for its own sake. */
static void lives_of_a_tid_stay_in_order(void **state) {
    (void)state;
    enum { LOGS = 30000 };
    static struct trace_event events[LOGS + 3] = {EVENT(100, 2, THREAD_START), EVENT(200, 2, THREAD_EXIT),
                                                  EVENT(300, 2, THREAD_START)};
    for (unsigned i = 3; i < LOGS + 3; i++)
        events[i] = (struct trace_event)EVENT(i + 300, 2, LOG, .text = 1, .value = 2);
    struct story story = {0};
    tell(&story, events, LOGS + 3, (const uint64_t[]){100000, 0});
    done(&story);
}

static void what_began_before_the_trace_is_entered_at_its_start(void **state) {
    (void)state;
    struct story story = {0};
    TELL(&story, EVENT(0, 1, STATE, .reason = TRACE_NETWORK, .stack = 3, .text = 0),
         EVENT(0, 2, STATE, .reason = TRACE_SYSCALL, .stack = 3), EVENT(500, 1, UNBLOCK), EVENT(600, 2, SYSCALL_END));
    expect(&story, "m1 GoBlock \"network\" read<serve\n");
    expect(&story, "m2 GoSyscallBegin 1 read<serve\n");
    expect(&story, "600 m2 GoSyscallEnd\n");
    assert_int_equal(story.figures.repaired + story.figures.dropped, 0);
    done(&story);
}

/* Go's tool expects some of what begins in a file to end there too. */
static void what_lasts_longer_than_the_start_counts_nowhere(void **state) {
    (void)state;
    struct story story = {0};
    TELL(&story, INIT(1), EVENT(0, 2, STATE, .reason = TRACE_COND, .stack = 3),
         EVENT(0, 3, STATE, .reason = TRACE_SYSCALL, .stack = 3), EVENT(100, 1, LOG, .text = 1, .value = 2));
    expect(&story, "m2 GoBlock \"idle from before the trace\" read<serve\n");
    expect(&story, "m3 GoStatus 3 3 3\n");
    expect_not(&story, "GoSyscallBegin");
    done(&story);
}

static void a_lost_return_is_made_up_by_the_next_event(void **state) {
    (void)state;
    struct story story = {0};
    TELL(&story, INIT(1), EVENT(100, 1, BLOCK, .reason = TRACE_SLEEP), EVENT(200, 1, LOG, .text = 1, .value = 2),
         EVENT(300, 1, UNBLOCK), EVENT(400, 1, SYSCALL_BEGIN), EVENT(500, 1, BLOCK, .reason = TRACE_MUTEX));
    expect(&story, "200 m1 GoUnblock 1");
    expect(&story, "m1 Log 0 \"one\" \"two\" ");
    expect(&story, "500 m1 GoSyscallEnd\n");
    assert_int_equal(story.figures.repaired, 2);
    assert_int_equal(story.figures.dropped, 1);
    done(&story);
}

static void a_state_after_a_gap_is_believed(void **state) {
    (void)state;
    struct story story = {0};
    TELL(&story, INIT(1), EVENT(100, 1, BLOCK, .reason = TRACE_MUTEX, .object = 7),
         EVENT(200, 1, STATE, .reason = TRACE_MUTEX, .object = 7), EVENT(300, 1, STATE, .reason = TRACE_SLEEP));
    expect(&story, "100 m1 GoBlock \"sync (mutex)\"");
    expect_not(&story, "200 ");
    expect(&story, "m1 GoBlock \"sleep\"");
    assert_int_equal(story.figures.repaired, 1);
    done(&story);
}

static void crossed_regions_are_straightened(void **state) {
    (void)state;
    struct story story = {0};
    TELL(&story, EVENT(10, 1, THREAD_START), EVENT(100, 1, REGION_BEGIN, .text = 1),
         EVENT(200, 1, REGION_BEGIN, .text = 2), EVENT(300, 1, REGION_END, .text = 1),
         EVENT(400, 1, REGION_END, .text = 2), EVENT(500, 1, REGION_BEGIN, .text = 3), EVENT(600, 1, THREAD_EXIT));
    expect(&story, "300 m1 RegionEnd 0 \"two\"");
    expect(&story, "301 m1 RegionEnd 0 \"one\"");
    expect(&story, "600 m1 RegionEnd 0 \"three\"");
    expect_not(&story, "400 ");
    assert_int_equal(story.figures.repaired, 2);
    assert_int_equal(story.figures.dropped, 1);
    done(&story);
}

static void an_end_without_a_begin_is_kept_if_it_may_have_begun_before(void **state) {
    (void)state;
    struct story story = {0};
    TELL(&story, INIT(1), EVENT(100, 1, REGION_END, .text = 1), EVENT(200, 1, TASK_BEGIN, .object = 5, .text = 1),
         EVENT(300, 1, TASK_END, .object = 4), EVENT(310, 1, TASK_END, .object = 6),
         EVENT(400, 1, TASK_END, .object = 5), EVENT(500, 1, TASK_END, .object = 5));
    expect(&story, "100 m1 RegionEnd 0 \"one\"");
    expect(&story, "m1 TaskEnd 4 ");
    expect(&story, "400 m1 TaskEnd 5 ");
    expect_not(&story, "TaskEnd 6");
    assert_int_equal(story.figures.dropped, 2);
    done(&story);
}

static void a_stack_that_was_cut_off_gets_its_root(void **state) {
    (void)state;
    struct story story = {0};
    TELL(&story, EVENT(10, 1, THREAD_START, .object = 0x2000),
         EVENT(100, 1, BLOCK, .reason = TRACE_MUTEX, .stack = 11));
    expect(&story, "m1 GoBlock \"sync (mutex)\" lock<serve\n");
    done(&story);
}

static void a_thread_of_unknown_origin_goes_by_its_name(void **state) {
    (void)state;
    struct story story = {.options = {.format = TRACE_GO_1_23}};
    TELL(&story, INIT(1), EVENT(0, 1, THREAD_NAME, .text = 4), EVENT(100, 1, LABEL, .text = 5));
    expect(&story, "GoStatusStack 1 1 2 worker-1\n");
    expect(&story, "100 m1 GoLabel \"worker-1 tenant\"\n");
    done(&story);
}

static void preempted_threads_wait_for_their_core(void **state) {
    (void)state;
    struct story story = {.options = {.core_rows = true, .cpus = 2}};
    TELL(&story, EVENT(0, 1, THREAD_START), EVENT(0, 1, SWITCH_IN, .cpu = 1),
         EVENT(100, 1, SWITCH_OUT, .cpu = 1, .value = 1), EVENT(200, 1, SWITCH_IN, .cpu = 0),
         EVENT(300, 1, SYSCALL_BEGIN, .stack = 3), EVENT(310, 1, SWITCH_OUT, .cpu = 0),
         EVENT(400, 1, SWITCH_IN, .cpu = 1), EVENT(410, 1, SYSCALL_END));
    expect(&story, "m1 ProcStatus 2 1\n");
    expect(&story, "100 m1 GoStop \"preempted\"");
    expect(&story, "200 m1 ProcStatus 1 2\n200 m1 ProcStart 1 1\n201 m1 GoStart 1 1\n");
    expect(&story, "310 m1 ProcStop\n");
    expect(&story, "410 m1 GoSyscallEndBlocked\n");
    assert_int_equal(story.figures.repaired + story.figures.dropped, 0);
    done(&story);
}

static void a_quiet_generation_lasts_to_its_end(void **state) {
    (void)state;
    struct story story = {0};
    TELL(&story, EVENT(0, 1, STATE, .reason = TRACE_NETWORK));
    expect(&story, "1000 m1 GoStatus 1 1 4\n");
    done(&story);
}

static void headers_are_those_of_their_versions(void **state) {
    (void)state;
    static const char *const headers[] = {"go 1.22 trace", "go 1.23 trace", "go 1.25 trace", "go 1.26 trace"};
    for (unsigned format = TRACE_GO_1_22; format <= TRACE_GO_1_26; format++) {
        struct story story = {.options = {.format = (enum trace_format)format}};
        TELL(&story, INIT(1));
        assert_string_equal(story.file.data, headers[format]);
        done(&story);
    }
}

static void late_events_count_at_the_end_of_what_is_written(void **state) {
    (void)state;
    struct trace_options options = {.start_ns = START_NS};
    struct trace_writer *writer;
    _cleanup_buffer_ struct buffer file = BUFFER_INIT(0);
    assert_int_equal(trace_writer_new(&options, &source, &writer), 0);
    assert_int_equal(trace_writer_flush(writer, START_NS + 1000, &file), 0);
    struct trace_event event = EVENT(START_NS + 10, 1, LOG, .text = 1);
    assert_int_equal(trace_writer_add(writer, &event, 1), 0);
    assert_int_equal(trace_writer_flush(writer, START_NS + 2000, &file), 0);
    struct trace_figures figures;
    trace_writer_figures(writer, &figures);
    assert_int_equal(figures.late, 1);
    trace_writer_free(writer);
    assert_null(go_check(file.data, file.size, 0, NULL));
}

/* Plausible, lossy and nonsensical events alike, in all versions, with every number of generations cut off. */
static void whatever_comes_the_file_is_well_formed(void **state) {
    (void)state;
    static struct trace_event events[6000];
    for (unsigned seed = 1; seed <= 120; seed++) {
        struct trace_options options = {
            .format = seed % 4, .core_rows = seed % 8 < 4, .cpus = 3, .start_ns = START_NS + seed * 1000};
        struct random_events random = {.state = seed,
                                       .nonsense = seed % 5 * 12,
                                       .lost = seed % 3 * 10,
                                       .threads = 2 + seed % 7 * 13,
                                       .cpus = options.core_rows ? 3 : 0};
        size_t n;
        uint64_t end_ns = random_events_make(&random, START_NS, 3000, events, &n);
        struct trace_writer *writer;
        struct buffer file = BUFFER_INIT(0);
        assert_int_equal(trace_writer_new(&options, &random_events_source, &writer), 0);
        assert_int_equal(trace_writer_add(writer, events, n), 0);
        for (uint64_t i = 1; i <= 4; i++)
            assert_int_equal(trace_writer_flush(writer, options.start_ns + (end_ns - options.start_ns) * i / 4, &file),
                             0);
        trace_writer_free(writer);
        for (unsigned skip = 0; skip < 4; skip++) {
            const char *why = go_check(file.data, file.size, skip, NULL);
            if (why)
                fail_msg("seed %u without %u generations: %s", seed, skip, why);
        }
        buffer_done(&file);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wait_is_ended_by_the_newest_wake_of_another_thread),
        cmocka_unit_test(a_wait_that_timed_out_was_ended_by_nobody),
        cmocka_unit_test(a_broadcast_wakes_all_that_return_after_it),
        cmocka_unit_test(a_wake_of_the_generation_before_still_counts),
        cmocka_unit_test(events_come_in_any_order),
        cmocka_unit_test(a_wake_before_the_wait_is_none),
        cmocka_unit_test(events_of_one_time_stay_in_the_order_in_which_they_came),
        cmocka_unit_test(a_thread_is_made_by_its_maker_when_that_runs),
        cmocka_unit_test(a_tid_that_comes_again_is_another_thread),
        cmocka_unit_test(lives_of_a_tid_stay_in_order),
        cmocka_unit_test(what_began_before_the_trace_is_entered_at_its_start),
        cmocka_unit_test(what_lasts_longer_than_the_start_counts_nowhere),
        cmocka_unit_test(a_lost_return_is_made_up_by_the_next_event),
        cmocka_unit_test(a_state_after_a_gap_is_believed),
        cmocka_unit_test(crossed_regions_are_straightened),
        cmocka_unit_test(an_end_without_a_begin_is_kept_if_it_may_have_begun_before),
        cmocka_unit_test(a_stack_that_was_cut_off_gets_its_root),
        cmocka_unit_test(a_thread_of_unknown_origin_goes_by_its_name),
        cmocka_unit_test(preempted_threads_wait_for_their_core),
        cmocka_unit_test(a_quiet_generation_lasts_to_its_end),
        cmocka_unit_test(headers_are_those_of_their_versions),
        cmocka_unit_test(late_events_count_at_the_end_of_what_is_written),
        cmocka_unit_test(whatever_comes_the_file_is_well_formed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
