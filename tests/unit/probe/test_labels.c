/* Labels of a thread: one value a key, sets that are the same set whatever their order, and bounds that hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "probe/handler/labels.h"
#include "probe/handler/strings.h"
#include "probe/handler/thread.h"

#include <cmocka.h>

static int make_segment(void **state) {
    (void)state;
    size_t bytes = (size_t)segment_bytes(0);
    struct segment *segment =
        mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_true(segment != MAP_FAILED);
    segment_format(segment, 0, 1, 4096, 1, 1);
    probe_thread = (struct probe_thread){0};
    probe = (struct probe){.segment = segment, .pid = 7};
    probe.tables.threads = segment_entries(segment, &segment->threads);
    probe.tables.parts = segment_entries(segment, &segment->parts);
    probe.tables.string_slots = segment_entries(segment, &segment->string_slots);
    probe.tables.string_bytes = segment_entries(segment, &segment->string_bytes);
    return 0;
}

static int drop_segment(void **state) {
    (void)state;
    munmap(probe.segment, (size_t)segment_bytes(0));
    return 0;
}

static const char *text(uint32_t id) {
    static char bytes[SEGMENT_STRING_LENGTH_MAX + 1];
    bytes[strings_read(id, bytes, SEGMENT_STRING_LENGTH_MAX)] = '\0';
    return bytes;
}

/* "a=1 b=2", in the order in which the keys were first met. */
static const char *labels(void) {
    static char all[4096];
    struct segment_label set[SEGMENT_LABELS_MAX];
    uint32_t n = strings_read(thread_self()->labels, set, sizeof(set)) / (uint32_t)sizeof(*set);
    all[0] = '\0';
    for (uint32_t i = 0; i < n; i++) {
        size_t size = strlen(all);
        size += (size_t)snprintf(all + size, sizeof(all) - size, "%s%s=", i ? " " : "", text(set[i].key));
        snprintf(all + size, sizeof(all) - size, "%s", text(set[i].value));
    }
    return all;
}

static uint64_t lost(void) {
    return probe.segment->counters.lost_strings;
}

static void a_key_has_one_value(void **state) {
    (void)state;
    labels_set("a", "1");
    labels_set("b", "2");
    labels_set("a", "3");
    assert_string_equal(labels(), "a=3 b=2");
    labels_set("a", NULL);
    assert_string_equal(labels(), "b=2");
    labels_set("b", "");
    assert_string_equal(labels(), "");
    assert_int_equal(thread_self()->labels, 0);
}

static void what_means_nothing_changes_nothing(void **state) {
    (void)state;
    labels_set("a", "1");
    labels_set("", "2");
    labels_set("never set", NULL);
    assert_string_equal(labels(), "a=1");
    labels_set(NULL, NULL);
    assert_string_equal(labels(), "");
}

static void the_same_labels_in_another_order_are_the_same_set(void **state) {
    (void)state;
    labels_set("a", "1");
    labels_set("b", "2");
    uint64_t set = labels_get();
    labels_set(NULL, NULL);
    labels_set("b", "2");
    labels_set("a", "1");
    assert_int_equal(labels_get(), set);
}

static void a_set_can_be_restored_in_its_own_process_alone(void **state) {
    (void)state;
    labels_set("a", "1");
    uint64_t set = labels_get();
    labels_set("a", "2");
    labels_restore(set);
    assert_string_equal(labels(), "a=1");
    probe.pid++;
    labels_restore(set);
    assert_string_equal(labels(), "");
    assert_int_equal(labels_get(), 0);
}

static void a_ninth_label_is_left_out_and_counted(void **state) {
    (void)state;
    char key[2] = "a";
    for (unsigned i = 0; i < SEGMENT_LABELS_MAX; i++, key[0]++)
        labels_set(key, "1");
    const char *eight = "a=1 b=1 c=1 d=1 e=1 f=1 g=1 h=1";
    assert_string_equal(labels(), eight);
    labels_set("i", "1");
    assert_string_equal(labels(), eight);
    assert_int_equal(lost(), 1);
    labels_set("h", NULL);
    labels_set("i", "1");
    assert_string_equal(labels(), "a=1 b=1 c=1 d=1 e=1 f=1 g=1 i=1");
}

static void a_value_without_room_takes_the_old_one_away(void **state) {
    (void)state;
    labels_set("a", "1");
    labels_set("b", "2");
    labels_set("b", NULL); /* the set of a alone is there already */
    labels_set("b", "2");
    probe.segment->counters.string_bytes = SEGMENT_STRING_BYTES;
    labels_set("b", "a new value");
    assert_string_equal(labels(), "a=1");
    assert_int_equal(lost(), 1);
    assert_int_equal(probe.segment->counters.string_bytes, SEGMENT_STRING_BYTES);
}

static void values_without_end_stay_within_the_table(void **state) {
    (void)state;
    char value[32];
    for (unsigned i = 0; i < 100000; i++) {
        snprintf(value, sizeof(value), "request %u", i);
        labels_set("request", value);
    }
    assert_true(lost() > 0);
    assert_true(probe.segment->counters.string_bytes <= SEGMENT_STRING_BYTES);
    assert_string_equal(labels(), "");
}

static void the_child_of_a_fork_leaves_its_parents_segment_alone(void **state) {
    (void)state;
    labels_set("a", "1");
    probe.inherited = 1;
    labels_set("a", "2");
    labels_restore(0);
    assert_int_equal(labels_get(), 0);
    probe.inherited = 0;
    assert_string_equal(labels(), "a=1");
}

static void a_new_thread_has_none(void **state) {
    (void)state;
    labels_set("a", "1");
    thread_begin(0, 1);
    assert_string_equal(labels(), "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_segment, drop_segment)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_key_has_one_value),
        TEST(what_means_nothing_changes_nothing),
        TEST(the_same_labels_in_another_order_are_the_same_set),
        TEST(a_set_can_be_restored_in_its_own_process_alone),
        TEST(a_ninth_label_is_left_out_and_counted),
        TEST(a_value_without_room_takes_the_old_one_away),
        TEST(values_without_end_stay_within_the_table),
        TEST(the_child_of_a_fork_leaves_its_parents_segment_alone),
        TEST(a_new_thread_has_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
