#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/errors_file.h"

#include <cmocka.h>

static void lines_are_those_of_the_go_version(void **state) {
    (void)state;
    struct errors_file file = ERRORS_FILE_INIT;
    const struct load_error errors[] = {
        {.time_ns = 1700000000 * NS_PER_S + 5, .failure = LOAD_STATUS, .status = 500, .text = "status 500"},
        {.time_ns = 1700000001 * NS_PER_S, .failure = LOAD_RESET, .text = "closed here"},
    };
    errors_file_add(&file, "cpu", errors, 2);
    errors_file_end(&file, 2);
    assert_string_equal(
        file.text.data,
        "{\"time\":\"2023-11-14T22:13:20.000000005Z\",\"phase\":\"cpu\",\"kind\":\"status\",\"status_code\":500}\n"
        "{\"time\":\"2023-11-14T22:13:21.000000000Z\",\"phase\":\"cpu\",\"kind\":\"reset\","
        "\"error\":\"closed here\"}\n");
    errors_file_done(&file);
}

static void it_ends_at_1_mib_and_says_how_many_more_there_were(void **state) {
    (void)state;
    struct errors_file file = ERRORS_FILE_INIT;
    struct load_error error = {.failure = LOAD_TIMEOUT};
    char expected[100];
    uint64_t lines = 0;
    memset(error.text, 'x', sizeof error.text - 1);
    for (int i = 0; i < 20000; i++)
        errors_file_add(&file, "baseline", &error, 1);
    errors_file_end(&file, 1000000);
    assert_in_range(file.text.size, 1000000, 1 << 20);
    for (const char *c = file.text.data; *c; c++)
        lines += *c == '\n';
    snprintf(expected, sizeof expected, "\n{\"more\":%llu,", (unsigned long long)(1000000 - (lines - 1)));
    assert_non_null(strstr(file.text.data, expected));
    assert_int_equal(file.text.data[file.text.size - 1], '\n');
    errors_file_done(&file);
}

static void without_failures_it_is_empty(void **state) {
    (void)state;
    struct errors_file file = ERRORS_FILE_INIT;
    errors_file_add(&file, "baseline", NULL, 0);
    errors_file_end(&file, 0);
    assert_int_equal(file.text.size, 0);
    errors_file_done(&file);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_those_of_the_go_version),
        cmocka_unit_test(it_ends_at_1_mib_and_says_how_many_more_there_were),
        cmocka_unit_test(without_failures_it_is_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
