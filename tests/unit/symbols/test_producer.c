/* Takes two programs: one compiled with -O0, one with -O2. */
/* clang-format off */
#include <setjmp.h> /* cmocka.h needs these before it */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <errno.h>

#include "symbols/producer.h"

static char **programs;

static void gcc_tells_whether_it_optimised(void **state) {
    (void)state;
    bool unoptimised = false, debug_info = false;
    assert_int_equal(producer_look(programs[0], "", &unoptimised, &debug_info), 0);
    assert_true(unoptimised && debug_info);
    assert_int_equal(producer_look(programs[1], "", &unoptimised, &debug_info), 0);
    assert_true(!unoptimised && debug_info);
}

static void other_builds_and_other_files_are_refused(void **state) {
    (void)state;
    bool unoptimised, debug_info;
    assert_int_equal(producer_look(programs[0], "0123456789", &unoptimised, &debug_info), -ESTALE);
    assert_int_equal(producer_look("/dev/null", "", &unoptimised, &debug_info), -ENOEXEC);
    assert_int_equal(producer_look("/no/such", "", &unoptimised, &debug_info), -ENOENT);
}

int main(int argc, char **argv) {
    if (argc != 3)
        return 2;
    programs = argv + 1;
    const struct CMUnitTest tests[] = {cmocka_unit_test(gcc_tells_whether_it_optimised),
                                       cmocka_unit_test(other_builds_and_other_files_are_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
