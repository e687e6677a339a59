/* clang-format off */
#include <setjmp.h> /* cmocka.h needs these before it */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "report/focus.h"
#include "report/pattern.h"

static void error_names_expression_and_place(void **state) {
    (void)state;
    struct focus *focus = NULL;
    char why[256] = "";
    assert_int_equal(focus_new("render[", &focus, why, sizeof(why)), -EINVAL);
    assert_null(focus);
    assert_non_null(strstr(why, "\"render[\""));
    assert_non_null(strstr(why, "offset 7"));
    assert_int_equal(focus_new("(", &focus, NULL, 0), -EINVAL);
    focus_free(NULL);
}

static void too_long_an_expression_is_refused(void **state) {
    (void)state;
    static char expression[PATTERN_LENGTH_MAX + 2];
    struct focus *focus;
    memset(expression, 'a', sizeof(expression) - 1);
    assert_int_equal(focus_new(expression, &focus, NULL, 0), -EINVAL);
    assert_int_equal(focus_new("((((a{1,1000}){1,1000}){1,1000}){1,1000})", &focus, NULL, 0), -EINVAL);
}

/* Each of these takes 2^30 steps and more when nothing stops it. */
static void regex_bomb_ends_soon_and_matches_nothing(void **state) {
    (void)state;
    static const char *const bombs[] = {"(a+)+$", "(a|aa)+$", "^(([a-z])+.)+[A-Z]([a-z])+$", "(a*)*[b-c]"};
    uint64_t start = clock_monotonic_ns();
    for (size_t i = 0; i < sizeof(bombs) / sizeof(bombs[0]); i++) {
        struct focus *focus;
        assert_int_equal(focus_new(bombs[i], &focus, NULL, 0), 0);
        assert_false(focus_matches(focus, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!"));
        assert_int_equal(focus_overruns(focus), 1);
        focus_free(focus);
    }
    assert_true(clock_monotonic_ns() - start < 10 * NS_PER_S);
}

/* 2^20 steps: would end well without a limit of ours. */
static void one_match_takes_a_limited_number_of_steps(void **state) {
    (void)state;
    struct focus *focus;
    assert_int_equal(focus_new("(a+)+$", &focus, NULL, 0), 0);
    assert_false(focus_matches(focus, "aaaaaaaaaaaaaaaaaaaa!"));
    assert_int_equal(focus_overruns(focus), 1);
    assert_true(focus_matches(focus, "aaaaaaaaaaaaaaaaaaaa"));
    focus_free(focus);
}

static void budget_bounds_all_matches_of_a_bomb_together(void **state) {
    (void)state;
    struct focus *focus;
    assert_int_equal(focus_new("(a+)+$", &focus, NULL, 0), 0);
    uint64_t start = clock_ns(CLOCK_THREAD_CPUTIME_ID);
    for (int i = 0; i < 100000; i++)
        focus_matches(focus, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!");
    assert_int_equal(focus_overruns(focus), 100000);
    assert_true(clock_ns(CLOCK_THREAD_CPUTIME_ID) - start < 5 * PATTERN_BUDGET_NS);
    focus_free(focus);
}

static void invalid_utf8_is_no_error(void **state) {
    (void)state;
    struct focus *focus;
    assert_int_equal(focus_new("b.d", &focus, NULL, 0), 0);
    assert_true(focus_matches(focus, "\xff\xfe b\xc3\xa4"
                                     "d"));
    assert_false(focus_matches(focus, "b\xff"
                                      "d"));
    assert_int_equal(focus_overruns(focus), 0);
    focus_free(focus);
}

static void dollar_is_the_very_end(void **state) {
    (void)state;
    struct focus *focus;
    assert_int_equal(focus_new("main$", &focus, NULL, 0), 0);
    assert_true(focus_matches(focus, "main"));
    assert_false(focus_matches(focus, "main\n"));
    focus_free(focus);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(error_names_expression_and_place),
        cmocka_unit_test(too_long_an_expression_is_refused),
        cmocka_unit_test(regex_bomb_ends_soon_and_matches_nothing),
        cmocka_unit_test(one_match_takes_a_limited_number_of_steps),
        cmocka_unit_test(budget_bounds_all_matches_of_a_bomb_together),
        cmocka_unit_test(invalid_utf8_is_no_error),
        cmocka_unit_test(dollar_is_the_very_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
