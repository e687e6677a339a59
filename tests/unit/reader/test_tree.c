/* Several processes as one, from segments made by hand. Their pids are larger than any of the kernel's, so that nobody
 * waits for their answers. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* clang-format off */
#include <setjmp.h> /* cmocka.h needs these before it */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "fake.h"
#include "reader/tree.h"

#define FIRST 5000001u
#define SECOND 5000002u

static struct tree *tree;

static int setup(void **unused) {
    (void)unused;
    return tree_new(&tree);
}

static int teardown(void **unused) {
    (void)unused;
    tree_free(tree);
    return 0;
}

/* A process that has allocated `n` objects of 100 bytes at one place; its segment, which is the tree's. */
static struct segment *add(uint32_t pid, const char *name, uint64_t n) {
    struct fake fake;
    fake_make(&fake);
    fake_module(&fake, 0x1000, 0x9000, "/none/program");
    fake_heap(&fake, fake_stack(&fake, 0, 1, (const uint64_t[]){0x2000}), 1, n, 100 * n, 0, 0);
    void *memory = mmap(NULL, fake.bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(memory, MAP_FAILED);
    memcpy(memory, fake.segment, fake.bytes);
    assert_int_equal(tree_add(tree, pid, 1, name, "/bin/thing", memory, fake.bytes), 0);
    fake_free(&fake);
    return memory;
}

/* The objects that a profile of all (0) or one process says were allocated. */
static int64_t objects(uint32_t pid) {
    struct profile *profile;
    assert_int_equal(tree_profile(tree, pid, READER_ALLOCS, &profile), 0);
    int64_t total = profile_total(profile, profile_find_sample_type(profile, "alloc_objects"), /* absolute= */ false);
    profile_free(profile);
    return total;
}

static bool has_label(const struct profile_sample *sample, const char *key, const char *value) {
    for (uint32_t i = 0; i < sample->n_labels; i++)
        if (!strcmp(sample->labels[i].key, key) && sample->labels[i].string && !strcmp(sample->labels[i].string, value))
            return true;
    return false;
}

static void profiles_of_processes_add_up(void **unused) {
    (void)unused;
    add(FIRST, "one", 3);
    add(SECOND, "two", 4);
    assert_int_equal(objects(0), 7);
    assert_int_equal(objects(FIRST), 3);
    assert_int_equal(objects(SECOND), 4);
}

static void samples_carry_pid_and_process(void **unused) {
    (void)unused;
    add(FIRST, "one", 3);
    add(SECOND, "two", 4);
    struct profile *profile;
    assert_int_equal(tree_profile(tree, 0, READER_ALLOCS, &profile), 0);
    assert_int_equal(profile->n_samples, 2); /* the same stack, told apart */
    for (size_t i = 0; i < profile->n_samples; i++) {
        bool first = has_label(&profile->samples[i], "pid", "5000001");
        assert_true(first || has_label(&profile->samples[i], "pid", "5000002"));
        assert_true(has_label(&profile->samples[i], "process", first ? "one" : "two"));
    }
    profile_free(profile);
}

static void a_process_that_nobody_knows_is_an_error(void **unused) {
    (void)unused;
    struct profile *profile;
    add(FIRST, "one", 3);
    assert_int_equal(tree_profile(tree, SECOND, READER_ALLOCS, &profile), -ESRCH);
}

static void memory_that_is_no_segment_is_refused_and_given_back(void **unused) {
    (void)unused;
    void *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_int_equal(tree_add(tree, FIRST, 1, "one", "", memory, 4096), -EBADMSG);
    assert_int_equal(msync(memory, 4096, MS_ASYNC), -1); /* not mapped any more */
}

static void one_that_ended_counts_no_more_but_can_be_asked_for(void **unused) {
    (void)unused;
    add(FIRST, "one", 3);
    add(SECOND, "two", 4);
    tree_end(tree, FIRST);
    assert_false(tree_has(tree, FIRST));
    assert_int_equal(objects(0), 4);
    assert_int_equal(objects(FIRST), 3);
}

static void a_program_that_took_the_place_of_another_is_the_one_that_is_meant(void **unused) {
    (void)unused;
    add(FIRST, "shell", 3);
    add(FIRST, "program", 5);
    assert_int_equal(objects(0), 5);
    assert_int_equal(objects(FIRST), 5);
}

static void a_difference_has_what_came_meanwhile_and_what_went(void **unused) {
    (void)unused;
    struct segment *first = add(FIRST, "one", 3);
    struct tree_delta *delta;
    assert_int_equal(tree_delta_begin(tree, 0, READER_ALLOCS, &delta), 0);
    struct segment_heap_bucket *bucket = segment_entries(first, &first->heap);
    while (!bucket->key)
        bucket++;
    bucket->alloc_count += 2;
    bucket->alloc_bytes += 200;
    tree_end(tree, FIRST);
    add(SECOND, "two", 4);
    struct profile *profile;
    assert_int_equal(tree_delta_end(delta, &profile), 0);
    assert_int_equal(profile_total(profile, profile_find_sample_type(profile, "alloc_objects"), false), 6);
    profile_free(profile);
}

static void count(const struct tree_process *process, void *data) {
    unsigned *counts = data;
    counts[process->state]++;
}

static void only_so_many_that_ended_are_kept(void **unused) {
    (void)unused;
    for (uint32_t i = 0; i < TREE_ENDED_MAX + 5; i++) {
        add(FIRST + i, "one", 1);
        tree_end(tree, FIRST + i);
    }
    add(FIRST, "shell", 1);
    add(FIRST, "program", 1);
    unsigned counts[4] = {0};
    assert_int_equal(tree_list(tree, count, counts), 0);
    assert_int_equal(counts[TREE_ENDED] + counts[TREE_REPLACED],
                     TREE_ENDED_MAX + 1); /* and the one that lives no more */
    assert_int_equal(counts[TREE_REPLACED], 1);
}

/* A parent comes before its children and ends after them. */
static void those_that_ended_first_are_forgotten_first(void **unused) {
    (void)unused;
    add(FIRST, "parent", 7);
    for (uint32_t i = 1; i <= TREE_ENDED_MAX + 5; i++) {
        add(FIRST + i, "child", 1);
        tree_end(tree, FIRST + i);
    }
    tree_end(tree, FIRST);
    assert_int_equal(objects(FIRST), 7);
}

static void names_of_the_target_become_plain(void **unused) {
    (void)unused;
    add(FIRST, "a b\n\xff<", 1);
    struct buffer text = BUFFER_INIT(0);
    tree_dump(tree, 0, &text);
    assert_non_null(strstr(text.data, "# process 5000001 a_b__< (/bin/thing), parent 1, "));
    buffer_done(&text);
}

static void a_crash_is_told_with_its_signal_and_place(void **unused) {
    (void)unused;
    struct segment *segment = add(FIRST, "one", 1);
    struct buffer text = BUFFER_INIT(0);
    assert_int_equal(tree_crash(tree, FIRST, &text), 0);
    assert_int_equal(text.size, 0);
    segment->crash = (struct segment_crash){.signal = 11, .code = 1, .tid = 7, .address = 0x40, .pc = 0x2000};
    assert_int_equal(tree_crash(tree, FIRST, &text), 0);
    assert_non_null(strstr(text.data, "crashed by SIGSEGV at address 0x40, program counter 0x2000\n"));
    assert_non_null(strstr(text.data, "goroutine 7 [running]:\nprogram+0x2000(...)\n"));
    buffer_done(&text);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(profiles_of_processes_add_up),
        TEST(samples_carry_pid_and_process),
        TEST(a_process_that_nobody_knows_is_an_error),
        TEST(memory_that_is_no_segment_is_refused_and_given_back),
        TEST(one_that_ended_counts_no_more_but_can_be_asked_for),
        TEST(a_program_that_took_the_place_of_another_is_the_one_that_is_meant),
        TEST(a_difference_has_what_came_meanwhile_and_what_went),
        TEST(only_so_many_that_ended_are_kept),
        TEST(those_that_ended_first_are_forgotten_first),
        TEST(names_of_the_target_become_plain),
        TEST(a_crash_is_told_with_its_signal_and_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
