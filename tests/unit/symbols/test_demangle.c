/* cmocka.h needs what stands before it. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdlib.h>

#include "base/buffer.h"
#include "symbols/demangle.h"

static void assert_demangles(const char *name, const char *expected) {
    char *demangled = demangle(name);
    assert_non_null(demangled);
    assert_string_equal(demangled, expected);
    free(demangled);
}

static void cxx_name_is_shown_with_scope_and_parameters(void **state) {
    (void)state;
    assert_demangles("_ZN5outer3boxIiE4fillEi", "outer::box<int>::fill(int)");
    assert_demangles("_ZZ4mainENKUliE_clEi", "main::{lambda(int)#1}::operator()(int) const");
}

static void rust_names_of_both_manglings_lose_their_hash(void **state) {
    (void)state;
    assert_demangles("_ZN4core3ptr13drop_in_place17h0123456789abcdefE", "core::ptr::drop_in_place");
    assert_demangles("_RNvCsl7Jqai3mbVv_6sample4main", "sample::main");
}

static void plain_name_is_not_demangled(void **state) {
    (void)state;
    assert_null(demangle("main"));
    assert_null(demangle("_start"));
    assert_null(demangle("_Z"));
    assert_null(demangle(""));
}

/* Each parameter is a template of the one before, twice: 2^36 names when written out. */
static void name_that_doubles_36_times_is_given_up(void **state) {
    (void)state;
    struct buffer name = BUFFER_INIT(4096);
    buffer_add_string(&name, "_Z1f1AIiiE");
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"; /* the last substitution, base 36 */
    for (int i = 0; i < 36; i++)
        buffer_printf(&name, "S_IS%c_S%c_E", digits[i], digits[i]);
    char *demangled = demangle(name.data);
    assert_null(demangled);
    buffer_done(&name);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cxx_name_is_shown_with_scope_and_parameters),
        cmocka_unit_test(rust_names_of_both_manglings_lose_their_hash),
        cmocka_unit_test(plain_name_is_not_demangled),
        cmocka_unit_test(name_that_doubles_36_times_is_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
