/* Each profile kind, from a segment made by hand. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* clang-format off */
#include <setjmp.h> /* cmocka.h needs these before it */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "fake.h"
#include "reader/reader.h"

struct state {
    struct fake fake;
    struct reader *reader;
};

static struct state state;

static int setup(void **unused) {
    (void)unused;
    fake_make(&state.fake);
    fake_module(&state.fake, 0x1000, 0x9000, "/none/program");
    fake_control_start(&state.fake);
    assert_int_equal(reader_new(state.fake.segment, state.fake.bytes, &state.reader), 0);
    return 0;
}

static int teardown(void **unused) {
    (void)unused;
    reader_free(state.reader);
    fake_control_stop(&state.fake);
    fake_free(&state.fake);
    return 0;
}

static uint32_t stack_at(uint64_t pc) {
    return fake_stack(&state.fake, 0, 2, (const uint64_t[]){pc, 0x1100});
}

static const char *function_name(const struct profile *profile, const struct profile_sample *sample, uint32_t frame) {
    const struct profile_location *location = &profile->locations[sample->locations[frame]];
    return location->n_lines ? profile->functions[location->lines[0].function].name : "";
}

/* The sample whose leaf has that name. */
static const struct profile_sample *sample_at(const struct profile *profile, const char *leaf) {
    for (size_t i = 0; i < profile->n_samples; i++)
        if (!strcmp(function_name(profile, &profile->samples[i], 0), leaf))
            return &profile->samples[i];
    fail_msg("no sample at %s", leaf);
    abort();
}

static bool has_label(const struct profile_sample *sample, const char *key) {
    for (uint32_t i = 0; i < sample->n_labels; i++)
        if (!strcmp(sample->labels[i].key, key))
            return true;
    return false;
}

static const struct profile_label *label_of(const struct profile_sample *sample, const char *key) {
    for (uint32_t i = 0; i < sample->n_labels; i++)
        if (!strcmp(sample->labels[i].key, key))
            return &sample->labels[i];
    fail_msg("no label %s", key);
    abort();
}

static bool has_comment(const struct profile *profile, const char *part) {
    for (uint32_t i = 0; i < profile->n_comments; i++)
        if (strstr(profile->comments[i], part))
            return true;
    return false;
}

static struct profile *take(enum reader_kind kind) {
    struct profile *profile = NULL;
    char why[256] = "";
    assert_int_equal(reader_profile(state.reader, kind, &profile), 0);
    assert_int_equal(profile_check(profile, false, why, sizeof(why)), 0);
    assert_string_equal(why, "");
    return profile;
}

static void heap_at_rate_one_is_exact(void **unused) {
    (void)unused;
    fake_heap(&state.fake, stack_at(0x2000), 1, 10, 1000, 4, 400);
    struct profile *profile = take(READER_HEAP);
    const struct profile_sample *sample = sample_at(profile, "program+0x2000");
    assert_int_equal(profile->n_samples, 1);
    const int64_t expected[] = {10, 1000, 6, 600};
    assert_memory_equal(sample->values, expected, sizeof(expected));
    assert_int_equal(label_of(sample, "bytes")->number, 100);
    assert_string_equal(label_of(sample, "bytes")->unit, "bytes");
    profile_free(profile);
}

static void heap_has_the_types_of_go_in_its_order(void **unused) {
    (void)unused;
    fake_heap(&state.fake, stack_at(0x2000), 1, 1, 1, 0, 0);
    struct profile *heap = take(READER_HEAP), *allocs = take(READER_ALLOCS);
    const char *const types[] = {"alloc_objects", "alloc_space", "inuse_objects", "inuse_space"};
    const char *const units[] = {"count", "bytes", "count", "bytes"};
    assert_int_equal(heap->n_sample_types, 4);
    for (int i = 0; i < 4; i++) {
        assert_string_equal(heap->sample_types[i].type, types[i]);
        assert_string_equal(heap->sample_types[i].unit, units[i]);
    }
    assert_string_equal(heap->default_sample_type, "inuse_space");
    assert_string_equal(allocs->default_sample_type, "alloc_space");
    assert_string_equal(heap->period_type.type, "space");
    assert_string_equal(heap->period_type.unit, "bytes");
    assert_int_equal(heap->period, 512 * 1024);
    profile_free(heap);
    profile_free(allocs);
}

/* 1000 samples of 1 KiB at a mean distance of 512 KiB stand for 1 / (1 - exp(-1/512)) = 512.5 as many each. */
static void heap_unsamples_as_go_does(void **unused) {
    (void)unused;
    fake_heap(&state.fake, stack_at(0x2000), 512 * 1024, 1000, 1024 * 1000, 500, 512 * 1000);
    struct profile *profile = take(READER_HEAP);
    const int64_t *values = profile->samples[0].values;
    assert_in_range(values[0], 512400, 512600);
    assert_in_range(values[1], 512400ull * 1024, 512600ull * 1024);
    assert_in_range(values[2], 256200, 256300);
    assert_in_range(values[3], 256200ull * 1024, 256300ull * 1024);
    profile_free(profile);
}

static void heap_shows_lost_samples_unsampled(void **unused) {
    (void)unused;
    state.fake.segment->mem_profile_rate_bytes = 1;
    state.fake.segment->counters.lost_heap = 3;
    state.fake.segment->counters.lost_heap_bytes = 300;
    struct profile *profile = take(READER_HEAP);
    const struct profile_sample *sample = sample_at(profile, "lost");
    const int64_t expected[] = {3, 300, 0, 0};
    assert_memory_equal(sample->values, expected, sizeof(expected));
    assert_true(has_comment(profile, "heap=3"));
    profile_free(profile);
}

static void delta_of_heap_counts_only_what_happened_since(void **unused) {
    (void)unused;
    struct segment_heap_bucket *bucket = fake_heap(&state.fake, stack_at(0x2000), 1, 10, 1000, 4, 400);
    fake_heap(&state.fake, stack_at(0x3000), 1, 10, 1000, 0, 0);
    struct reader_delta *delta = NULL;
    struct profile *profile = NULL;
    assert_int_equal(reader_delta_begin(state.reader, READER_HEAP, &delta), 0);
    bucket->alloc_count += 2;
    bucket->alloc_bytes += 300;
    bucket->free_count += 5;
    bucket->free_bytes += 500;
    assert_int_equal(reader_delta_end(delta, &profile), 0);
    assert_int_equal(profile->n_samples, 1);
    const int64_t expected[] = {2, 300, -3, -200};
    assert_memory_equal(profile->samples[0].values, expected, sizeof(expected));
    assert_true(profile->duration_nanos > 0);
    profile_free(profile);
}

static void block_counts_in_sixteenth_bits(void **unused) {
    (void)unused;
    fake_block(&state.fake, stack_at(0x2000), 5 << 16 | 0x8000, 123456);
    state.fake.segment->counters.lost_block = 7;
    state.fake.segment->counters.lost_block_ns = 70;
    struct profile *profile = take(READER_BLOCK);
    const int64_t expected[] = {6, 123456}, lost[] = {7, 70}; /* 5.5 */
    assert_memory_equal(sample_at(profile, "program+0x2000")->values, expected, sizeof(expected));
    assert_memory_equal(sample_at(profile, "lost")->values, lost, sizeof(lost));
    assert_string_equal(profile->sample_types[0].type, "contentions");
    assert_string_equal(profile->sample_types[1].type, "delay");
    assert_string_equal(profile->sample_types[1].unit, "nanoseconds");
    assert_int_equal(profile_default_sample_type(profile), 1);
    assert_string_equal(profile->period_type.type, "contentions");
    assert_int_equal(profile->period, 1);
    profile_free(profile);
}

static void mutex_reads_its_own_table(void **unused) {
    (void)unused;
    fake_block(&state.fake, stack_at(0x2000), 1 << 16, 1);
    fake_mutex(&state.fake, stack_at(0x3000), 2 << 16, 20);
    struct profile *profile = take(READER_MUTEX);
    const int64_t expected[] = {2, 20};
    assert_int_equal(profile->n_samples, 1);
    assert_memory_equal(sample_at(profile, "program+0x3000")->values, expected, sizeof(expected));
    profile_free(profile);
}

/* Of one stack that waits for two locks there are two samples; what waited for no lock has no label. */
static void waits_name_their_lock(void **unused) {
    (void)unused;
    fake_block(&state.fake, stack_at(0x2000), 1 << 16, 5);
    fake_block(&state.fake, stack_at(0x2000), 1 << 16, 6)->lock = 0x7f0010;
    fake_block(&state.fake, stack_at(0x2000), 1 << 16, 7)->lock = 0x7f0020;
    struct profile *profile = take(READER_BLOCK);
    assert_int_equal(profile->n_samples, 3);
    assert_int_equal(profile->samples[0].n_labels, 0);
    assert_string_equal(profile->samples[1].labels[0].key, "lock");
    assert_string_equal(profile->samples[1].labels[0].string, "0x7f0010");
    assert_string_equal(profile->samples[2].labels[0].string, "0x7f0020");
    assert_int_equal(profile->samples[2].values[1], 7);
    profile_free(profile);
}

static void truncated_stack_ends_in_a_frame_that_says_so(void **unused) {
    (void)unused;
    fake_block(&state.fake, fake_stack(&state.fake, SEGMENT_STACK_TRUNCATED, 1, (const uint64_t[]){0x2000}), 1 << 16,
               1);
    struct profile *profile = take(READER_BLOCK);
    assert_int_equal(profile->samples[0].n_locations, 2);
    assert_string_equal(function_name(profile, &profile->samples[0], 1), "truncated");
    profile_free(profile);
}

static void address_outside_of_any_module_is_named_by_itself(void **unused) {
    (void)unused;
    fake_block(&state.fake, fake_stack(&state.fake, 0, 1, (const uint64_t[]){0xdead0000}), 1 << 16, 1);
    struct profile *profile = take(READER_BLOCK);
    const struct profile_sample *sample = sample_at(profile, "0xdead0000");
    assert_int_equal(profile->locations[sample->locations[0]].mapping, PROFILE_NONE);
    profile_free(profile);
}

static void mapping_zero_is_the_program_even_when_no_sample_is_in_it(void **unused) {
    (void)unused;
    struct segment_module *library = fake_module(&state.fake, 0x100, 0x900, "/none/library.so");
    library->build_id_bytes = 3;
    memcpy(library->build_id, "\x01\xab\xff", 3);
    fake_block(&state.fake, fake_stack(&state.fake, 0, 1, (const uint64_t[]){0x200}), 1 << 16, 1);
    struct profile *profile = take(READER_BLOCK);
    assert_int_equal(profile->n_mappings, 2);
    assert_string_equal(profile->mappings[0].file, "/none/program");
    assert_string_equal(profile->mappings[1].file, "/none/library.so");
    assert_string_equal(profile->mappings[1].build_id, "01abff");
    assert_false(profile->mappings[1].has_functions);
    profile_free(profile);
}

static void loaded_module_goes_before_one_that_is_gone(void **unused) {
    (void)unused;
    fake_module(&state.fake, 0x20000, 0x40000, "/none/old.so")->gone_ns = 5;
    fake_module(&state.fake, 0x28000, 0x29000, "/none/new.so");
    fake_block(&state.fake, fake_stack(&state.fake, 0, 2, (const uint64_t[]){0x28800, 0x30000}), 1 << 16, 1);
    struct profile *profile = take(READER_BLOCK);
    assert_string_equal(function_name(profile, &profile->samples[0], 0), "new.so+0x28800");
    assert_string_equal(function_name(profile, &profile->samples[0], 1), "old.so+0x30000");
    profile_free(profile);
}

static void goroutine_lists_each_live_thread_with_its_labels(void **unused) {
    (void)unused;
    struct segment_thread *worker = fake_thread(&state.fake, 101, "worker", SEGMENT_THREAD_MUTEX);
    worker->reserved[0] = stack_at(0x2000);
    fake_thread(&state.fake, 102, "ours", SEGMENT_THREAD_RUNNING)->own = 1;
    fake_thread(&state.fake, 103, "ended", SEGMENT_THREAD_EXITED);
    fake_thread(&state.fake, 104, "", SEGMENT_THREAD_RUNNING);
    struct profile *profile = take(READER_GOROUTINE);
    assert_int_equal(profile->n_samples, 2);
    const struct profile_sample *sample = sample_at(profile, "program+0x2000");
    assert_string_equal(label_of(sample, "thread_name")->string, "worker");
    assert_string_equal(label_of(sample, "thread id")->string, "101");
    assert_string_equal(label_of(sample, "state")->string, "mutex wait");
    sample = sample_at(profile, "unknown"); /* no stack could be had */
    assert_string_equal(label_of(sample, "thread id")->string, "104");
    assert_false(has_label(sample, "thread_name"));
    profile_free(profile);
}

static void goroutine_of_a_silent_target_is_what_is_known(void **unused) {
    (void)unused;
    fake_thread(&state.fake, 101, "worker", SEGMENT_THREAD_IO);
    __atomic_store_n(&state.fake.silent, 1, __ATOMIC_RELEASE);
    struct profile *profile = NULL;
    assert_int_equal(reader_profile(state.reader, READER_GOROUTINE, &profile), -ETIMEDOUT);
    assert_non_null(profile);
    assert_int_equal(profile->n_samples, 1);
    assert_string_equal(label_of(&profile->samples[0], "state")->string, "IO wait");
    assert_true(has_comment(profile, "took no dump"));
    profile_free(profile);
}

static void threadcreate_groups_threads_by_their_creator(void **unused) {
    (void)unused;
    uint32_t creator = stack_at(0x2000);
    for (uint32_t i = 0; i < 3; i++)
        fake_thread(&state.fake, 101 + i, "worker", SEGMENT_THREAD_RUNNING)->create_stack = creator;
    fake_thread(&state.fake, 100, "main", SEGMENT_THREAD_RUNNING);
    struct profile *profile = take(READER_THREADCREATE);
    assert_int_equal(profile->n_samples, 2);
    assert_int_equal(sample_at(profile, "program+0x2000")->values[0], 3);
    assert_int_equal(sample_at(profile, "unknown")->values[0], 1);
    profile_free(profile);
}

static void cpu_is_the_difference_between_begin_and_end(void **unused) {
    (void)unused;
    fake_thread(&state.fake, 101, "worker", SEGMENT_THREAD_RUNNING);
    struct reader_cpu *first = NULL, *second = NULL;
    struct profile *profile = NULL;
    assert_int_equal(reader_cpu_begin(state.reader, 1000, &first), 0);
    assert_int_equal(state.fake.segment->mailbox.cpu_users, 1);
    assert_int_equal(state.fake.segment->mailbox.cpu_hz, 1000);
    struct segment_cpu_bucket *bucket = fake_cpu(&state.fake, stack_at(0x2000), 101, 0, 10, 10000000);
    assert_int_equal(reader_cpu_begin(state.reader, 0, &second), 0);
    bucket->count += 5;
    bucket->ns += 5000000;
    fake_cpu(&state.fake, stack_at(0x3000), 999, 0, 1, 1000000); /* its record is another thread's by now */
    assert_int_equal(reader_cpu_end(second, &profile), 0);
    const int64_t expected[] = {5, 5000000}, whole[] = {15, 15000000};
    const struct profile_sample *sample = sample_at(profile, "program+0x2000");
    assert_memory_equal(sample->values, expected, sizeof(expected));
    assert_string_equal(label_of(sample, "thread_name")->string, "worker");
    assert_string_equal(label_of(sample, "thread id")->string, "101");
    sample = sample_at(profile, "program+0x3000");
    assert_false(has_label(sample, "thread_name"));
    assert_int_equal(profile->period, 1000000);
    assert_string_equal(profile->period_type.type, "cpu");
    assert_string_equal(profile->sample_types[0].type, "samples");
    assert_string_equal(profile->sample_types[1].type, "cpu");
    profile_free(profile);
    assert_int_equal(reader_cpu_end(first, &profile), 0);
    assert_memory_equal(sample_at(profile, "program+0x2000")->values, whole, sizeof(whole));
    profile_free(profile);
    assert_int_equal(state.fake.segment->mailbox.cpu_users, 0);
}

static uint32_t labels_made(const char *key, const char *value) {
    struct segment_label label = {.key = fake_string(&state.fake, key, (uint8_t)strlen(key)),
                                  .value = fake_string(&state.fake, value, (uint8_t)strlen(value))};
    return fake_string(&state.fake, &label, sizeof(label));
}

static const struct profile_sample *sample_with_labels(uint32_t labels, struct profile **ret) {
    struct reader_cpu *capture = NULL;
    assert_int_equal(reader_cpu_begin(state.reader, 0, &capture), 0);
    struct segment_cpu_bucket *bucket = fake_cpu(&state.fake, stack_at(0x2000), 101, 0, 1, 10000000);
    bucket->key = segment_cpu_key(segment_key_stack(bucket->key), 101, labels);
    assert_int_equal(reader_cpu_end(capture, ret), 0);
    return sample_at(*ret, "program+0x2000");
}

static void cpu_samples_have_the_labels_that_the_program_gave(void **unused) {
    (void)unused;
    struct profile *profile = NULL;
    const struct profile_sample *sample = sample_with_labels(labels_made("route", "/users"), &profile);
    assert_string_equal(label_of(sample, "route")->string, "/users");
    assert_string_equal(label_of(sample, "thread id")->string, "101");
    profile_free(profile);
}

static void a_thread_has_the_labels_of_its_record(void **unused) {
    (void)unused;
    struct profile *profile = NULL;
    fake_thread(&state.fake, 101, "worker", SEGMENT_THREAD_RUNNING)->labels = labels_made("role", "writer");
    fake_control_start(&state.fake);
    assert_int_equal(reader_profile(state.reader, READER_GOROUTINE, &profile), 0);
    fake_control_stop(&state.fake);
    assert_string_equal(label_of(&profile->samples[0], "role")->string, "writer");
    profile_free(profile);
}

static void labels_that_are_none_are_left_out(void **unused) {
    (void)unused;
    const struct segment_label outside[] = {{.key = UINT32_MAX, .value = 1}, {.key = 1, .value = 0}};
    char many[255] = {0};
    const uint32_t sets[] = {
        fake_string(&state.fake, "seven b", 7),
        fake_string(&state.fake, outside, sizeof(outside)),
        fake_string(&state.fake, many, sizeof(many)),
        labels_made("", "value"),
        labels_made("\0key", "value"),
        (1u << SEGMENT_STRING_BITS) - 1,
    };
    for (size_t i = 0; i < sizeof(sets) / sizeof(*sets); i++) {
        struct profile *profile = NULL;
        assert_int_equal(sample_with_labels(sets[i], &profile)->n_labels, 1); /* the thread's id */
        profile_free(profile);
    }
}

/* 100 Hz all the time, 1000 for a while in between. */
static void captures_at_different_rates_are_each_right_in_their_periods(void **unused) {
    (void)unused;
    const struct segment_mailbox *mailbox = &state.fake.segment->mailbox;
    struct reader_cpu *slow = NULL, *fast = NULL, *later = NULL;
    struct profile *profile = NULL;
    struct segment_cpu_bucket *bucket = fake_cpu(&state.fake, stack_at(0x2000), 101, 0, 1, 10000000);
    assert_int_equal(reader_cpu_begin(state.reader, 0, &slow), 0);
    assert_int_equal(mailbox->cpu_hz, 100);
    bucket->ns += 10000000;
    assert_int_equal(reader_cpu_begin(state.reader, 1000, &fast), 0);
    assert_int_equal(mailbox->cpu_hz, 1000);
    bucket->ns += 3000000;
    assert_int_equal(reader_cpu_end(fast, &profile), 0);
    assert_int_equal(mailbox->cpu_hz, 100);
    const int64_t expected_fast[] = {3, 3000000}, expected_slow[] = {33, 33000000}, expected_later[] = {2, 20000000};
    assert_int_equal(profile->period, 1000000);
    assert_memory_equal(sample_at(profile, "program+0x2000")->values, expected_fast, sizeof(expected_fast));
    profile_free(profile);
    assert_int_equal(reader_cpu_begin(state.reader, 100, &later), 0);
    bucket->ns += 20000000;
    assert_int_equal(reader_cpu_end(later, &profile), 0);
    assert_int_equal(profile->period, 10000000);
    assert_memory_equal(sample_at(profile, "program+0x2000")->values, expected_later, sizeof(expected_later));
    profile_free(profile);
    assert_int_equal(reader_cpu_end(slow, &profile), 0);
    assert_int_equal(profile->period, 1000000);
    assert_memory_equal(sample_at(profile, "program+0x2000")->values, expected_slow, sizeof(expected_slow));
    profile_free(profile);
    assert_int_equal(mailbox->cpu_users, 0);
}

static void cpu_table_that_was_cleared_counts_from_there(void **unused) {
    (void)unused;
    struct reader_cpu *capture = NULL;
    struct profile *profile = NULL;
    struct segment_cpu_bucket *bucket = fake_cpu(&state.fake, stack_at(0x2000), 101, 0, 100, 100);
    assert_int_equal(reader_cpu_begin(state.reader, 0, &capture), 0);
    state.fake.segment->cpu_epoch++;
    bucket->count = 7;
    bucket->ns = 70000000;
    assert_int_equal(reader_cpu_end(capture, &profile), 0);
    assert_int_equal(profile->samples[0].values[0], 7);
    profile_free(profile);
}

static void cpu_of_a_silent_target_times_out_and_leaves(void **unused) {
    (void)unused;
    __atomic_store_n(&state.fake.silent, 1, __ATOMIC_RELEASE);
    struct reader_cpu *capture = NULL;
    assert_int_equal(reader_cpu_begin(state.reader, 0, &capture), -ETIMEDOUT);
    assert_null(capture);
    assert_int_equal(state.fake.segment->mailbox.cpu_users, 0);
}

static void dump_reads_like_go(void **unused) {
    (void)unused;
    uint64_t now = state.fake.segment->made_monotonic_ns;
    struct segment_thread *worker = fake_thread(&state.fake, 5123, "worker-3", SEGMENT_THREAD_MUTEX);
    worker->reserved[0] = stack_at(0x2000);
    worker->create_stack = stack_at(0x3000);
    worker->state_since_ns = now > 150000000000ull ? now - 150000000000ull : 1;
    struct segment_thread *first = fake_thread(&state.fake, 5000, "a\nb", SEGMENT_THREAD_IO);
    first->state_since_ns = now;
    struct buffer text = BUFFER_INIT(0);
    assert_int_equal(reader_dump(state.reader, &text), 0);
    assert_string_equal(text.data, "goroutine 5000 [IO wait, name=a?b]:\n"
                                   "unknown(...)\n\t?:0\n"
                                   "\n"
                                   "goroutine 5123 [mutex wait, 2 minutes, name=worker-3]:\n"
                                   "program+0x2000(...)\n\t/none/program:0\n"
                                   "program+0x1100(...)\n\t/none/program:0\n"
                                   "created by program+0x3000\n\t/none/program:0\n");
    buffer_done(&text);
}

static void real_addresses_have_names_files_and_lines(void **unused) {
    (void)unused;
    state.fake.modules = 0;
    fake_own_modules(&state.fake);
    uint64_t here = (uint64_t)(uintptr_t)real_addresses_have_names_files_and_lines;
    fake_block(&state.fake, fake_stack(&state.fake, 0, 1, &here), 1 << 16, 1);
    struct profile *profile = take(READER_BLOCK);
    const struct profile_sample *sample = sample_at(profile, __func__);
    const struct profile_location *location = &profile->locations[sample->locations[0]];
    assert_true(profile->mappings[location->mapping].has_functions);
    assert_non_null(strstr(profile->functions[location->lines[0].function].filename, "test_profiles.c"));
    assert_int_equal(location->function_start, here);
    struct buffer name = BUFFER_INIT(0);
    assert_int_equal(reader_symbol(state.reader, here, &name), 0);
    assert_string_equal(name.data, __func__);
    buffer_done(&name);
    profile_free(profile);
}

static void cmdline_has_no_end_mark(void **unused) {
    (void)unused;
    struct buffer text = BUFFER_INIT(0);
    assert_int_equal(reader_cmdline(state.reader, &text), 0);
    assert_true(text.size > 0 && text.data[text.size - 1] != '\0');
    assert_non_null(strstr(text.data, "test_profiles"));
    buffer_done(&text);
}

static void figures_count_what_profiles_show(void **unused) {
    (void)unused;
    fake_heap(&state.fake, stack_at(0x2000), 1, 1, 1, 0, 0);
    fake_heap(&state.fake, stack_at(0x3000), 1, 1, 1, 0, 0);
    fake_mutex(&state.fake, stack_at(0x3000), 1, 1);
    fake_thread(&state.fake, 101, "worker", SEGMENT_THREAD_MUTEX);
    struct reader_figures figures;
    reader_figures(state.reader, &figures);
    assert_int_equal(figures.pid, getpid());
    assert_int_equal(figures.threads, 1);
    const uint64_t counts[6] = {2, 2, 0, 1, 1, 1};
    assert_memory_equal(figures.profile_counts, counts, sizeof(counts));
    assert_int_equal(figures.mutex_fraction, 10);
    assert_in_range(figures.segment_bytes_used, 1, 1 << 20);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(heap_at_rate_one_is_exact),
        TEST(heap_has_the_types_of_go_in_its_order),
        TEST(heap_unsamples_as_go_does),
        TEST(heap_shows_lost_samples_unsampled),
        TEST(delta_of_heap_counts_only_what_happened_since),
        TEST(block_counts_in_sixteenth_bits),
        TEST(mutex_reads_its_own_table),
        TEST(waits_name_their_lock),
        TEST(truncated_stack_ends_in_a_frame_that_says_so),
        TEST(address_outside_of_any_module_is_named_by_itself),
        TEST(mapping_zero_is_the_program_even_when_no_sample_is_in_it),
        TEST(loaded_module_goes_before_one_that_is_gone),
        TEST(goroutine_lists_each_live_thread_with_its_labels),
        TEST(goroutine_of_a_silent_target_is_what_is_known),
        TEST(threadcreate_groups_threads_by_their_creator),
        TEST(cpu_is_the_difference_between_begin_and_end),
        TEST(cpu_samples_have_the_labels_that_the_program_gave),
        TEST(a_thread_has_the_labels_of_its_record),
        TEST(labels_that_are_none_are_left_out),
        TEST(captures_at_different_rates_are_each_right_in_their_periods),
        TEST(cpu_table_that_was_cleared_counts_from_there),
        TEST(cpu_of_a_silent_target_times_out_and_leaves),
        TEST(dump_reads_like_go),
        TEST(real_addresses_have_names_files_and_lines),
        TEST(cmdline_has_no_end_mark),
        TEST(figures_count_what_profiles_show),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
