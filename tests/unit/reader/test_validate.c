/* Segments that are none, and the smaller lies. */
#include <errno.h>
#include <string.h>

/* clang-format off */
#include <setjmp.h> /* cmocka.h needs these before it */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "fake.h"
#include "reader/reader.h"
#include "reader/validate.h"

static struct fake fake;

static int setup(void **unused) {
    (void)unused;
    fake_make(&fake);
    return 0;
}

static int teardown(void **unused) {
    (void)unused;
    fake_free(&fake);
    return 0;
}

static int open_view(void) {
    struct view view;
    return view_open(fake.segment, fake.bytes, &view);
}

static void segment_of_this_version_opens(void **unused) {
    (void)unused;
    assert_int_equal(open_view(), 0);
}

static void segment_of_full_size_opens(void **unused) {
    (void)unused;
    fake_free(&fake);
    fake_make_full(&fake);
    assert_int_equal(open_view(), 0);
}

static void foreign_headers_are_refused(void **unused) {
    (void)unused;
    struct segment good = *fake.segment;
    fake.segment->magic++;
    assert_int_equal(open_view(), -EBADMSG);
    *fake.segment = good;
    fake.segment->version++;
    assert_int_equal(open_view(), -EBADMSG);
    *fake.segment = good;
    fake.segment->header_bytes--;
    assert_int_equal(open_view(), -EBADMSG);
    *fake.segment = good;
    fake.segment->total_bytes = fake.bytes + 1;
    assert_int_equal(open_view(), -EBADMSG);
}

static void mapping_shorter_than_the_header_is_refused(void **unused) {
    (void)unused;
    struct view view;
    for (size_t bytes = 0; bytes < sizeof(struct segment); bytes += 64)
        assert_int_equal(view_open(fake.segment, bytes, &view), -EBADMSG);
}

static void every_table_must_lie_inside_the_mapping(void **unused) {
    (void)unused;
    struct segment *segment = fake.segment;
    struct segment_table *const tables[] = {
        &segment->stack_slots, &segment->stack_words, &segment->cpu,     &segment->heap,    &segment->block,
        &segment->mutex,       &segment->live,        &segment->threads, &segment->modules, &segment->parts,
    };
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        struct segment_table good = *tables[i];
        const struct segment_table bad[] = {
            {good.offset, UINT32_MAX, good.stride},
            {good.offset, good.count, good.stride + 8},
            {good.offset, good.count, 0},
            {UINT64_MAX & ~63ull, good.count, good.stride},
            {good.offset + 8, good.count, good.stride},
            {0, good.count, good.stride},
            {fake.bytes + 64, 0, good.stride},
        };
        for (size_t j = 0; j < sizeof(bad) / sizeof(bad[0]); j++) {
            *tables[i] = bad[j];
            assert_int_equal(open_view(), -EBADMSG);
        }
        *tables[i] = good;
    }
    assert_int_equal(open_view(), 0);
}

static void directory_is_read_once(void **unused) {
    (void)unused;
    struct view view;
    assert_int_equal(view_open(fake.segment, fake.bytes, &view), 0);
    fake.segment->heap.offset = UINT64_MAX;
    fake.segment->heap.count = UINT32_MAX;
    assert_int_equal(view.heap.count, FAKE_ENTRIES);
}

static void stack_ids_outside_the_table_are_no_stacks(void **unused) {
    (void)unused;
    struct view view;
    struct view_stack stack;
    assert_int_equal(view_open(fake.segment, fake.bytes, &view), 0);
    uint32_t id = fake_stack(&fake, 0, 3, (const uint64_t[]){1, 2, 3});
    assert_true(view_stack(&view, id, &stack));
    assert_int_equal(stack.n_frames, 3);
    assert_false(view_stack(&view, 0, &stack));
    assert_false(view_stack(&view, FAKE_STACK_WORDS + 1, &stack));
    assert_false(view_stack(&view, UINT32_MAX, &stack));
    /* The head on the last word, and frames that would reach one word beyond it. */
    uint64_t *words = segment_entries(fake.segment, &fake.segment->stack_words);
    words[FAKE_STACK_WORDS - 1] = 1;
    assert_false(view_stack(&view, FAKE_STACK_WORDS, &stack));
    words[FAKE_STACK_WORDS - 2] = 1;
    assert_true(view_stack(&view, FAKE_STACK_WORDS - 1, &stack));
    words[0] = SEGMENT_STACK_DEPTH_MAX + 1;
    assert_false(view_stack(&view, 1, &stack));
}

static void strings_without_an_end_are_ended(void **unused) {
    (void)unused;
    struct view view;
    assert_int_equal(view_open(fake.segment, fake.bytes, &view), 0);
    memset(fake_thread(&fake, 7, "", SEGMENT_THREAD_RUNNING)->name, 'x', SEGMENT_THREAD_NAME_BYTES);
    memset(fake_module(&fake, 1, 2, "")->path, 'y', SEGMENT_PATH_BYTES);
    struct segment_thread thread;
    struct segment_module module;
    assert_true(view_thread(&view, 0, &thread));
    assert_int_equal(strnlen(thread.name, sizeof(thread.name)), SEGMENT_THREAD_NAME_BYTES - 1);
    assert_true(view_module(&view, 0, &module));
    assert_int_equal(strnlen(module.path, sizeof(module.path)), SEGMENT_PATH_BYTES - 1);
}

static void modules_half_written_or_impossible_are_left_out(void **unused) {
    (void)unused;
    struct view view;
    struct segment_module copy, *module = fake_module(&fake, 0x1000, 0x2000, "/x");
    assert_int_equal(view_open(fake.segment, fake.bytes, &view), 0);
    module->seq = 3;
    assert_false(view_module(&view, 0, &copy));
    module->seq = 4;
    module->limit = module->start;
    assert_false(view_module(&view, 0, &copy));
    module->limit = 0x2000;
    module->build_id_bytes = SEGMENT_BUILD_ID_BYTES + 1;
    assert_false(view_module(&view, 0, &copy));
    module->build_id_bytes = 0;
    assert_true(view_module(&view, 0, &copy));
}

static void reading_commits_no_memory(void **unused) {
    (void)unused;
    struct view view;
    struct reader *reader;
    fake_free(&fake);
    fake_make_full(&fake);
    uint32_t stack = fake_stack(&fake, 0, 1, (const uint64_t[]){0x1000});
    fake_thread(&fake, 7, "", SEGMENT_THREAD_RUNNING);
    fake_block(&fake, stack, 1 << 16, 1);
    fake_control_start(&fake);
    assert_int_equal(view_open(fake.segment, fake.bytes, &view), 0);
    assert_int_equal(reader_new(fake.segment, fake.bytes, &reader), 0);
    uint64_t before = view_bytes_used(&view);
    for (int kind = READER_HEAP; kind <= READER_THREADCREATE; kind++) {
        struct profile *profile;
        assert_int_equal(reader_profile(reader, (enum reader_kind)kind, &profile), 0);
        profile_free(profile);
    }
    struct reader_figures figures;
    reader_figures(reader, &figures);
    assert_int_equal(figures.threads, 1);
    assert_int_equal(figures.profile_counts[READER_BLOCK], 1);
    assert_int_equal(view_bytes_used(&view), before);
    reader_free(reader);
    fake_control_stop(&fake);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(segment_of_this_version_opens),
        TEST(segment_of_full_size_opens),
        TEST(foreign_headers_are_refused),
        TEST(mapping_shorter_than_the_header_is_refused),
        TEST(every_table_must_lie_inside_the_mapping),
        TEST(directory_is_read_once),
        TEST(stack_ids_outside_the_table_are_no_stacks),
        TEST(strings_without_an_end_are_ended),
        TEST(modules_half_written_or_impossible_are_left_out),
        TEST(reading_commits_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
