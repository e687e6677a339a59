
/* clang-format off */
#include <setjmp.h> /* cmocka.h needs these before it */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "report/units.h"

#define VALUE(value, unit, shown) assert_string_equal(units_value(value, unit).text, shown)
#define MEAN(value, unit, shown) assert_string_equal(units_mean(value, unit).text, shown)

static void values_look_as_in_pprof(void **state) {
    (void)state;
    VALUE(0, "nanoseconds", "0");
    VALUE(1, "nanoseconds", "1ns");
    VALUE(999, "nanoseconds", "999ns");
    VALUE(1230000000, "nanoseconds", "1.23s");
    VALUE(-1230000000, "nanoseconds", "-1.23s");
    VALUE(3000000, "ns", "3ms");
    VALUE(2500, "microseconds", "2.50ms");
    VALUE(7200, "seconds", "2hrs");
    VALUE(90, "seconds", "90s");
    VALUE(13107200, "bytes", "12.50MB");
    VALUE(1024, "bytes", "1kB");
    VALUE(1, "KB", "1kB");
    VALUE(168, "count", "168");
    VALUE(-5, "count", "-5");
    VALUE(168, "a unit that nobody knows", "168");
    VALUE(INT64_MIN, "bytes", "-8192PB");
    VALUE(INT64_MAX, "count", "9223372036854775808"); /* pprof shows doubles as well */
}

static void means_keep_two_digits(void **state) {
    (void)state;
    MEAN(0, "nanoseconds", "0");
    MEAN(9250, "nanoseconds", "9.25us");
    MEAN(5724.16, "bytes", "5.59kB");
    MEAN(168.25, "count", "168.25");
    MEAN(0.00432, "count", "0.0043");
    MEAN(0.25, "nanoseconds", "0.25ns");
    MEAN(-2048, "bytes", "-2.00kB");
}

static void percent_is_of_magnitudes(void **state) {
    (void)state;
    assert_string_equal(units_percent(9993, 10000).text, "99.93%");
    assert_string_equal(units_percent(1, 1).text, "100.00%");
    assert_string_equal(units_percent(-1, 2).text, "50.00%");
    assert_string_equal(units_percent(0, 0).text, "0.00%");
    assert_string_equal(units_percent(5, 0).text, "0.00%");
    assert_string_equal(units_percent(1, 1000000).text, "<0.01%");
    assert_string_equal(units_percent(123456, 1000).text, "12346%");
    assert_string_equal(units_percent(INT64_MAX, 1).text, ">99999%");
}

static void latencies_are_in_microseconds_at_best(void **state) {
    (void)state;
    assert_string_equal(units_latency(0).text, "0us");
    assert_string_equal(units_latency(812499).text, "812us");
    assert_string_equal(units_latency(999700).text, "1.000ms");
    assert_string_equal(units_latency(3068000).text, "3.068ms");
    assert_string_equal(units_latency(999999600).text, "1.000s");
    assert_string_equal(units_latency(1204000000).text, "1.204s");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_look_as_in_pprof),
        cmocka_unit_test(means_keep_two_digits),
        cmocka_unit_test(percent_is_of_magnitudes),
        cmocka_unit_test(latencies_are_in_microseconds_at_best),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
