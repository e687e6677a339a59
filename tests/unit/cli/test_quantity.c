#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/quantity.h"

#include <cmocka.h>

static void times_are_read_as_go_writes_them(void **state) {
    (void)state;
    static const struct {
        const char *text;
        uint64_t ns;
    } good[] = {{"15s", 15000000000},     {"1m30s", 90000000000}, {"500ms", 500000000},
                {"1.5h", 5400000000000},  {"2us", 2000},          {"7ns", 7},
                {"1h0m0s", 3600000000000}};
    uint64_t ns;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_int_equal(quantity_parse_time(good[i].text, &ns), 0);
        assert_true(ns == good[i].ns);
    }
}

static void other_times_are_refused(void **state) {
    (void)state;
    static const char *const wrong[] = {"",    "15", "s",      "-1s",  "1 s",  "1x",   "1.2.3s", "0s",
                                        "1sm", "1d", "1e300h", "0x1s", "infs", "nans", "1ss",    "9999999h"};
    uint64_t ns = 1;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(quantity_parse_time(wrong[i], &ns), -EINVAL);
    assert_int_equal(ns, 1);
}

static void sizes_are_read_with_and_without_units(void **state) {
    (void)state;
    static const struct {
        const char *text;
        uint64_t bytes;
    } good[] = {{"16777216", 16777216}, {"16MiB", 16 << 20}, {"16M", 16 << 20}, {"64kb", 64 << 10}, {"2GiB", 2u << 30}};
    uint64_t bytes;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_int_equal(quantity_parse_bytes(good[i].text, &bytes), 0);
        assert_true(bytes == good[i].bytes);
    }
}

static void other_sizes_are_refused(void **state) {
    (void)state;
    static const char *const wrong[] = {"", "MiB", "-1", "1.5M", "16 MiB", "16T", "0", "99999999999999999999", " 1"};
    uint64_t bytes = 1;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(quantity_parse_bytes(wrong[i], &bytes), -EINVAL);
    assert_int_equal(bytes, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_read_as_go_writes_them),
        cmocka_unit_test(other_times_are_refused),
        cmocka_unit_test(sizes_are_read_with_and_without_units),
        cmocka_unit_test(other_sizes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
