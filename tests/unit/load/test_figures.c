#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "load/figures.h"

#include <cmocka.h>

static void counts_have_commas_every_three_digits(void **state) {
    (void)state;
    assert_string_equal(figure_count(0).text, "0");
    assert_string_equal(figure_count(999).text, "999");
    assert_string_equal(figure_count(1000).text, "1,000");
    assert_string_equal(figure_count(1236240).text, "1,236,240");
    assert_string_equal(figure_count(UINT64_MAX).text, "18,446,744,073,709,551,615");
}

static void latencies_have_three_digits(void **state) {
    (void)state;
    assert_string_equal(figure_latency(850).text, "0.85us");
    assert_string_equal(figure_latency(850000).text, "850us");
    assert_string_equal(figure_latency(2130000).text, "2.13ms");
    assert_string_equal(figure_latency(38200000).text, "38.2ms");
    assert_string_equal(figure_latency(1204000000).text, "1.20s");
    assert_string_equal(figure_latency(3600000000000).text, "3600s");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_have_commas_every_three_digits),
        cmocka_unit_test(latencies_have_three_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
