#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "cli/suggest.h"

#include <cmocka.h>

static const char *suggest(const char *word) {
    static const char *const known[] = {"profile", "run", "report", "help"};
    const char *best = NULL;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        best = suggest_closer(word, strlen(word), known[i], best);
    return best;
}

static void slips_of_the_finger_find_their_word(void **state) {
    (void)state;
    assert_string_equal(suggest("profle"), "profile");
    assert_string_equal(suggest("proflie"), "profile");
    assert_string_equal(suggest("reprot"), "report");
    assert_string_equal(suggest("rn"), "run");
}

static void far_words_find_none(void **state) {
    (void)state;
    assert_null(suggest("frobnicate"));
    assert_null(suggest(""));
    assert_null(suggest("profileprofileprofileprofileprofileprofile"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slips_of_the_finger_find_their_word),
        cmocka_unit_test(far_words_find_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
