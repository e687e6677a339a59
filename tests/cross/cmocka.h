/* What the probe's tests use of cmocka, which distributions have no cross package of: the same names, the same meaning. The
 * first assertion that fails ends the program. */
#ifndef PIKO_TESTS_CROSS_CMOCKA_H
#define PIKO_TESTS_CROSS_CMOCKA_H

#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct CMUnitTest {
    const char *name;
    void (*run)(void **state);
    int (*setup)(void **state), (*teardown)(void **state);
};
#define cmocka_unit_test(test)                                                                                         \
    { #test, test, NULL, NULL }
#define cmocka_unit_test_setup(test, before)                                                                           \
    { #test, test, before, NULL }
#define cmocka_unit_test_setup_teardown(test, before, after)                                                           \
    { #test, test, before, after }

static jmp_buf cmocka_skipped;

__attribute__((noreturn, unused)) static void cmocka_fail(const char *file, int line, const char *what) {
    fprintf(stderr, "%s:%d: %s\n", file, line, what);
    exit(1);
}

__attribute__((unused)) static void cmocka_run_one(const struct CMUnitTest *test, void **state) {
    if (setjmp(cmocka_skipped)) {
        printf("skipped: %s\n", test->name);
        return;
    }
    if (test->setup && test->setup(state))
        cmocka_fail(test->name, 0, "its setup failed");
    test->run(state);
    if (test->teardown && test->teardown(state))
        cmocka_fail(test->name, 0, "its teardown failed");
    printf("ok: %s\n", test->name);
}

/* 0, else the program has ended. */
__attribute__((unused)) static int cmocka_run(const struct CMUnitTest *tests, size_t n, int (*setup)(void **state)) {
    void *state = NULL;
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (setup && setup(&state))
        cmocka_fail("setup", 0, "failed");
    for (size_t i = 0; i < n; i++)
        cmocka_run_one(&tests[i], &state);
    return 0;
}

#define cmocka_run_group_tests(tests, setup, teardown) cmocka_run(tests, sizeof(tests) / sizeof *(tests), setup)
#define skip() longjmp(cmocka_skipped, 1)
#define print_message(...) printf(__VA_ARGS__)

#define cmocka_expect(condition, what) ((condition) ? (void)0 : cmocka_fail(__FILE__, __LINE__, what))
#define cmocka_value(value) ((uintmax_t)(uintptr_t)(value))
#define assert_true(condition) cmocka_expect(condition, #condition)
#define assert_false(condition) cmocka_expect(!(condition), "not: " #condition)
#define assert_int_equal(a, b) cmocka_expect(cmocka_value(a) == cmocka_value(b), #a " == " #b)
#define assert_int_not_equal(a, b) cmocka_expect(cmocka_value(a) != cmocka_value(b), #a " != " #b)
#define assert_in_range(a, low, high)                                                                                  \
    cmocka_expect(cmocka_value(a) - cmocka_value(low) <= cmocka_value(high) - cmocka_value(low),                       \
                  #a " in " #low " to " #high)
#define assert_non_null(pointer) cmocka_expect((pointer) != NULL, #pointer)
#define assert_null(pointer) cmocka_expect((pointer) == NULL, "not: " #pointer)
#define assert_ptr_not_equal(a, b) cmocka_expect((a) != (b), #a " != " #b)
#define assert_string_equal(a, b) cmocka_expect(!strcmp(a, b), #a " == " #b)
#define assert_memory_equal(a, b, size) cmocka_expect(!memcmp(a, b, size), #a " == " #b)

#endif
