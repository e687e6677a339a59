/* clang-format off */
#include <setjmp.h> /* cmocka.h needs these before it */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdlib.h>
#include <string.h>

#include "report/paths.h"

/* What Go's filepath.Clean says. */
static void cleaning_shortens_and_keeps_the_meaning(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"", ""},
        {"a", "a"},
        {"a/b.c", "a/b.c"},
        {"/", "/"},
        {"//", "/"},
        {"/a", "/a"},
        {"a//b", "a/b"},
        {"a/./b/", "a/b"},
        {"./a", "a"},
        {".", "."},
        {"a/..", "."},
        {"a/../b", "b"},
        {"../a", "../a"},
        {"../../a", "../../a"},
        {"a/../../b", "../b"},
        {"/..", "/"},
        {"/../a", "/a"},
        {"/a/../../b/./c//d/..", "/b/c"},
        {"...", "..."},
        {"a..b/.c", "a..b/.c"},
        {"/proc/self/cwd/src/a.c", "src/a.c"},
        {"/proc/self/cwd/./src/a.c", "src/a.c"},
        {"/proc/self/cwd/", ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *cleaned = malloc(strlen(cases[i][0]) + 1); /* exactly what the contract asks for */
        path_clean(cases[i][0], cleaned);
        assert_string_equal(cleaned, cases[i][1]);
        if (path_is_clean(cases[i][0]))
            assert_string_equal(cases[i][0], cases[i][1]);
        else
            assert_true(strcmp(cases[i][0], cases[i][1]) != 0 || strstr(cases[i][0], ".") != NULL);
        free(cleaned);
    }
    assert_true(path_is_clean("/usr/src/a.c"));
    assert_false(path_is_clean("/usr/src/../a.c"));
}

static void base_is_the_last_component(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"/usr/lib/libc.so", "libc.so"}, {"site", "site"}, {"/usr/lib/", "lib"}, {"/", "/"}, {"//", "/"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t length;
        const char *base = path_base(cases[i][0], &length);
        assert_int_equal(length, strlen(cases[i][1]));
        assert_memory_equal(base, cases[i][1], length);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cleaning_shortens_and_keeps_the_meaning),
        cmocka_unit_test(base_is_the_last_component),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
