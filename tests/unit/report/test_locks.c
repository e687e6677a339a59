/* clang-format off */
#include <setjmp.h> /* cmocka.h needs these before it */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdio.h>
#include <string.h>

#include "build.h"
#include "report/locks.h"
#include "report/report.h"

static struct profile *delays(void) {
    struct profile *profile = build_profile("contentions", "count");
    profile_add_sample_type(profile, "delay", "nanoseconds");
    return profile;
}

/* A sample with that label; the frame is a new one each time. */
static void add(struct profile *profile, const char *lock, int64_t ns, const char *frame) {
    SAMPLE(profile, VALUES(1, ns), frame, "main m.c:1");
    struct profile_sample *last = &profile->samples[profile->n_samples - 1];
    struct profile_label label = {.key = profile_intern(profile, "lock"), .string = profile_intern(profile, lock)};
    struct profile_sample labelled = *last;
    int64_t values[] = {1, ns};
    labelled.labels = &label;
    labelled.n_labels = 1;
    labelled.values = values;
    last->values[0] = last->values[1] = 0;
    assert_int_equal(profile_add_sample(profile, &labelled), 0);
}

static struct locks build(const struct profile *mutex, const struct profile *block) {
    struct locks locks;
    assert_int_equal(locks_build(mutex, block, NULL, &locks), 0);
    return locks;
}

static void both_ends_of_a_lock_are_put_together(void **state) {
    (void)state;
    struct profile *mutex = delays(), *block = delays();
    add(mutex, "0x10", 500, "put c.c:88");
    add(mutex, "0x20", 900, "push q.c:5");
    add(block, "0x10", 400, "get c.c:41");
    add(block, "0x10", 100, "evict c.c:130");
    add(block, "0x20", 900, "pop q.c:9");
    struct locks locks = build(mutex, block);
    assert_int_equal(locks.n, 2);
    assert_string_equal(locks.items[0].name, "0x20");
    assert_string_equal(locks.items[0].holders.rows[0].function, "push");
    assert_string_equal(locks.items[0].waiters.rows[0].function, "pop");
    assert_int_equal(locks.items[1].wait_ns, 500);
    assert_int_equal(locks.items[1].waiters.n, 2);
    assert_string_equal(locks.items[1].waiters.rows[0].function, "get");
    assert_int_equal(locks.items[1].waiters.value, 500);
    locks_done(&locks);
    profile_free(mutex);
    profile_free(block);
}

static void one_side_may_be_missing_and_so_may_labels(void **state) {
    (void)state;
    struct profile *block = delays(), *plain = delays();
    add(block, "0x10", 400, "get c.c:41");
    SAMPLE(plain, VALUES(1, 100), "get c.c:41", "main m.c:1");
    struct locks locks = build(NULL, block);
    assert_int_equal(locks.n, 1);
    assert_int_equal(locks.items[0].wait_ns, 400);
    assert_int_equal(locks.items[0].holders.n, 0);
    locks_done(&locks);
    locks = build(plain, plain);
    assert_int_equal(locks.n, 0);
    locks_done(&locks);
    locks = build(NULL, NULL);
    assert_int_equal(locks.n, 0);
    locks_done(&locks);
    profile_free(block);
    profile_free(plain);
}

static void of_many_locks_the_heaviest_are_told_of(void **state) {
    (void)state;
    struct profile *mutex = delays();
    for (int i = 1; i <= 25; i++) {
        char name[16], frame[32];
        snprintf(name, sizeof(name), "0x%x", i);
        snprintf(frame, sizeof(frame), "put c.c:%d", i);
        add(mutex, name, i * 10, frame);
    }
    struct locks locks = build(mutex, NULL);
    assert_int_equal(locks.n, LOCKS_MAX);
    assert_int_equal(locks.n_left_out, 25 - LOCKS_MAX);
    assert_int_equal(locks.items[0].wait_ns, 250);
    locks_done(&locks);
    profile_free(mutex);
}

static void the_report_shows_holder_and_waiter_in_one_line(void **state) {
    (void)state;
    struct profile *mutex = delays(), *block = delays();
    struct buffer text = BUFFER_INIT(0);
    add(mutex, "0x7f10", 5000000, "put c.c:88");
    add(block, "0x7f10", 4000000, "get c.c:41");
    add(block, "0x7f10", 1000000, "evict c.c:130");
    const struct report_phase phases[] = {{"mutex", mutex, NULL, 0}, {"block", block, NULL, 0}};
    const struct report_run run = {.phases = phases, .n_phases = 2};
    const struct report_options options = {.form = {.width = 100}};
    assert_int_equal(report_write(&run, &options, &text), 0);
    const char *line = strstr(text.data, "       5ms 0x7f10        ");
    assert_non_null(line);
    assert_non_null(strstr(line, "put  c.c:88 100.00%"));
    const char *end = strchr(line, '\n');
    assert_true(strstr(line, "get  c.c:41 80.00%") < end);
    assert_true(strstr(end, "evict  c.c:130 20.00%") < strchr(end + 1, '\n'));
    buffer_done(&text);
    assert_int_equal(report_json(&run, &options, &text), 0);
    assert_non_null(strstr(text.data, "\"locks\":[{\"lock\":\"0x7f10\",\"held_ns\":5000000,\"waited_ns\":5000000,"
                                      "\"held_in\":[{\"delay\":5000000,\"contentions\":1,\"function\":\"put\","));
    buffer_done(&text);
    profile_free(mutex);
    profile_free(block);
}

static void names_of_locks_cannot_move_the_cursor(void **state) {
    (void)state;
    struct profile *mutex = delays();
    struct buffer text = BUFFER_INIT(0);
    add(mutex, "\x1b[2J\n", 5000000, "put c.c:88");
    const struct report_phase phases[] = {{"mutex", mutex, NULL, 0}};
    const struct report_run run = {.phases = phases, .n_phases = 1};
    assert_int_equal(report_write(&run, &(struct report_options){0}, &text), 0);
    assert_null(strchr(text.data, '\x1b'));
    assert_non_null(strstr(text.data, "5ms ?[2J? "));
    buffer_done(&text);
    profile_free(mutex);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_ends_of_a_lock_are_put_together),
        cmocka_unit_test(one_side_may_be_missing_and_so_may_labels),
        cmocka_unit_test(of_many_locks_the_heaviest_are_told_of),
        cmocka_unit_test(the_report_shows_holder_and_waiter_in_one_line),
        cmocka_unit_test(names_of_locks_cannot_move_the_cursor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
