
/* clang-format off */
#include <setjmp.h> /* cmocka.h needs these before it */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "report/text.h"

static void expect(const char *string, const char *safe) {
    struct buffer text = BUFFER_INIT(0);
    text_add_safe(&text, string);
    assert_int_equal(text.error, 0);
    assert_string_equal(text.data, safe);
    buffer_done(&text);
}

static void printable_text_is_added_as_it_is(void **state) {
    (void)state;
    expect("", "");
    expect("std::vector<int>::push_back(int&&)", "std::vector<int>::push_back(int&&)");
    expect("größe 測試 \xf0\x9f\x98\x80", "größe 測試 \xf0\x9f\x98\x80");
}

static void controls_and_escapes_are_replaced(void **state) {
    (void)state;
    expect("\x1b[2J\x1b]0;title\x07name", "?[2J?]0;title?name");
    expect("two\nlines\r\ttab\x7f", "two?lines??tab?");
    expect("\xc2\x9b"
           "31m",
           "?31m"); /* C1 CSI */
    expect("a\xe2\x80\xae"
           "b\xe2\x81\xa6"
           "c\xef\xbb\xbf",
           "a?b?c?"); /* direction marks, BOM */
    expect("a\xe2\x80\xa8"
           "b",
           "a?b"); /* line separator */
}

static void invalid_utf8_is_replaced(void **state) {
    (void)state;
    expect("\xff", "?");
    expect("a\xc3", "a?");
    expect("a\xe2\x82", "a??");
    expect("\xc0\x80", "??"); /* overlong */
    expect("\xe0\x80\x80", "???");
    expect("\xed\xa0\x80", "???");      /* surrogate */
    expect("\xf4\x90\x80\x80", "????"); /* above the last character */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(printable_text_is_added_as_it_is),
        cmocka_unit_test(controls_and_escapes_are_replaced),
        cmocka_unit_test(invalid_utf8_is_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
