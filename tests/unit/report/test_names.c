/* clang-format off */
#include <setjmp.h> /* cmocka.h needs these before it */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <string.h>

#include "base/cleanup.h"
#include "report/names.h"

static void expect(const char *name, size_t width, bool utf8, const char *shown) {
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(0);
    name_shorten(name, width, utf8, &text);
    assert_string_equal(text.data ? text.data : "", shown);
    assert_true(name_width(shown) <= width);
}

static void what_fits_stays(void **state) {
    (void)state;
    expect("main", 4, true, "main");
    expect("gr\u00f6\u00dfe", 5, true, "gr\u00f6\u00dfe");
    expect("", 10, true, "");
}

static void parameters_go_first_then_template_arguments(void **state) {
    (void)state;
    static const char name[] = "std::map<int, std::vector<long> >::insert(std::pair<int, long>&&)";
    expect(name, 60, true, "std::map<int, std::vector<long> >::insert(\u2026)");
    expect(name, 30, true, "std::map<\u2026>::insert(\u2026)");
    expect(name, 30, false, "std::map<..>::insert(..)");
}

static void brackets_that_are_the_name_stay(void **state) {
    (void)state;
    expect("ns::(anonymous namespace)::f(std::string const&)", 36, true, "ns::(anonymous namespace)::f(\u2026)");
    expect("Matrix<double>::operator()(int, int) const", 30, true, "Matrix<\u2026>::operator()(\u2026) const");
    expect("less<double>::operator<(long, long, long)", 22, true, "less<\u2026>::operator<(\u2026)");
    expect("<alloc::vec::Vec<T, A> as core::iter::Extend<T>>::extend_one", 57, true,
           "<alloc::vec::Vec<\u2026> as core::iter::Extend<\u2026>>::extend_one");
}

static void the_end_of_a_name_survives(void **state) {
    (void)state;
    expect("core::ops::function::impls::call_once", 20, true, "\u2026::impls::call_once");
    expect("a_function_with_a_very_long_name_indeed", 13, true, "a_func\u2026indeed");
    expect("a_function_with_a_very_long_name_indeed", 13, false, "a_fun..indeed");
    expect("\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4", 5, true, "\u00e4\u00e4\u2026\u00e4\u00e4");
}

static void no_name_is_too_odd(void **state) {
    (void)state;
    static const char *const odd[] = {
        "<<<<<<<<<<<<<<<<<<", ">>>>>>>>>>>>>>>>>>",   "((((((((((((((((((", "operator<<<<<<<<<<<",
        "->->->->->->->->->", "::::::::::::::::::::", "<(<(<(<(<(<(<(<(<(<"};
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        for (size_t width = 4; width < 24; width++) {
            _cleanup_buffer_ struct buffer text = BUFFER_INIT(0);
            name_shorten(odd[i], width, true, &text);
            assert_true(name_width(text.data) <= width);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_fits_stays),
        cmocka_unit_test(parameters_go_first_then_template_arguments),
        cmocka_unit_test(brackets_that_are_the_name_stay),
        cmocka_unit_test(the_end_of_a_name_survives),
        cmocka_unit_test(no_name_is_too_odd),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
