#include <math.h>
#include <stdlib.h>

/* clang-format off */
#include <setjmp.h> /* cmocka.h needs these before it */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "load/histogram.h"

#define VALUES 20000
#define WITHIN 0.001 /* three significant digits */

/* Latencies from 1 ns to an hour, every magnitude as likely as any other. */
static uint64_t random_latency(uint64_t *state) {
    *state = *state * 6364136223846793005ull + 1442695040888963407ull;
    double magnitude = (double)(*state >> 11) / (double)(1ull << 53);
    return (uint64_t)pow((double)HISTOGRAM_HIGHEST_NS, magnitude);
}

static int compare(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void assert_close(double found, double exact) {
    if (fabs(found - exact) > exact * WITHIN)
        fail_msg("%.17g is not within 0.1 %% of %.17g", found, exact);
}

/* Fills `values` and the histogram alike, then sorts the values. */
static struct histogram *record_random(uint64_t *values, size_t count, uint64_t seed) {
    struct histogram *histogram = histogram_new();
    assert_non_null(histogram);
    for (size_t i = 0; i < count; i++) {
        values[i] = random_latency(&seed);
        histogram_record(histogram, values[i]);
    }
    qsort(values, count, sizeof *values, compare);
    return histogram;
}

static void histogram_percentile_of_empty_is_zero(void **state) {
    (void)state;
    struct histogram *histogram = histogram_new();
    assert_int_equal(histogram_percentile_ns(histogram, 50), 0);
    assert_int_equal(histogram_percentile_ns(histogram, 0), 0);
    assert_int_equal(histogram_percentile_ns(histogram, 100), 0);
    assert_int_equal(histogram_min_ns(histogram) + histogram_max_ns(histogram) + histogram_count(histogram), 0);
    assert_true(histogram_mean_ns(histogram) == 0 && histogram_deviation_ns(histogram) == 0);
    histogram_free(histogram);
    histogram_free(NULL);
}

static void histogram_percentiles_are_those_of_the_sorted_values(void **state) {
    (void)state;
    static const double percents[] = {0.1, 1, 5, 25, 50, 66, 75, 80, 90, 95, 98, 99, 99.9, 99.99, 100};
    static uint64_t values[VALUES];
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct histogram *histogram = record_random(values, VALUES, seed);
        for (size_t i = 0; i < sizeof percents / sizeof percents[0]; i++) {
            size_t rank = (size_t)(ceil(percents[i] * VALUES / 100 - 1e-9));
            uint64_t found = histogram_percentile_ns(histogram, percents[i]);
            assert_close((double)found, (double)values[rank - 1]);
            assert_true(found >= values[rank - 1]);
        }
        assert_close((double)histogram_min_ns(histogram), (double)values[0]);
        assert_close((double)histogram_max_ns(histogram), (double)values[VALUES - 1]);
        histogram_free(histogram);
    }
}

static void histogram_percentile_counts_whole_requests(void **state) {
    (void)state;
    struct histogram *histogram = histogram_new();
    for (uint64_t i = 1; i <= 1000; i++)
        histogram_record(histogram, i);
    assert_int_equal(histogram_percentile_ns(histogram, 0), 1);
    assert_int_equal(histogram_percentile_ns(histogram, 0.01), 1);
    assert_int_equal(histogram_percentile_ns(histogram, 50), 500);
    assert_int_equal(histogram_percentile_ns(histogram, 50.01), 501);
    assert_int_equal(histogram_percentile_ns(histogram, 99.9), 999);
    assert_int_equal(histogram_percentile_ns(histogram, 100), 1000);
    histogram_free(histogram);
}

static void histogram_mean_and_deviation_are_those_of_the_values(void **state) {
    (void)state;
    static uint64_t values[VALUES];
    struct histogram *histogram = record_random(values, VALUES, 7);
    double sum = 0, squares = 0;
    for (size_t i = 0; i < VALUES; i++)
        sum += (double)values[i];
    for (size_t i = 0; i < VALUES; i++)
        squares += ((double)values[i] - sum / VALUES) * ((double)values[i] - sum / VALUES);
    assert_true(fabs(histogram_mean_ns(histogram) - sum / VALUES) < 1e-6 * sum / VALUES);
    assert_close(histogram_deviation_ns(histogram), sqrt(squares / VALUES));
    histogram_free(histogram);
}

/* Both sides of each power of two, where one bucket ends and the next begins. */
static void histogram_keeps_three_digits_at_every_edge(void **state) {
    (void)state;
    struct histogram *histogram = histogram_new();
    for (unsigned bit = 0; bit < 42; bit++) {
        for (int step = -1; step <= 1; step++) {
            uint64_t value = (1ull << bit) + (uint64_t)(int64_t)step;
            if (value > HISTOGRAM_HIGHEST_NS)
                continue;
            histogram_reset(histogram);
            histogram_record(histogram, value);
            assert_close((double)histogram_min_ns(histogram), (double)value);
            assert_close((double)histogram_max_ns(histogram), (double)value);
            assert_true(histogram_min_ns(histogram) <= value && histogram_max_ns(histogram) >= value);
        }
    }
    histogram_free(histogram);
}

static void histogram_counts_what_is_too_long_as_the_longest(void **state) {
    (void)state;
    struct histogram *histogram = histogram_new();
    histogram_record(histogram, UINT64_MAX);
    histogram_record(histogram, HISTOGRAM_HIGHEST_NS);
    assert_int_equal(histogram_count(histogram), 2);
    assert_close((double)histogram_max_ns(histogram), (double)HISTOGRAM_HIGHEST_NS);
    assert_int_equal(histogram_min_ns(histogram) <= HISTOGRAM_HIGHEST_NS, 1);
    histogram_free(histogram);
}

static void assert_same(const struct histogram *a, const struct histogram *b) {
    assert_int_equal(histogram_count(a), histogram_count(b));
    assert_true(histogram_mean_ns(a) == histogram_mean_ns(b));
    assert_int_equal(histogram_min_ns(a), histogram_min_ns(b));
    assert_int_equal(histogram_max_ns(a), histogram_max_ns(b));
    for (double percent = 0; percent <= 100; percent += 0.37)
        assert_int_equal(histogram_percentile_ns(a, percent), histogram_percentile_ns(b, percent));
}

static void histogram_difference_of_snapshots_is_what_came_between(void **state) {
    (void)state;
    static uint64_t values[VALUES];
    struct histogram *first = record_random(values, VALUES / 2, 11), *second = record_random(values, VALUES, 12);
    struct histogram *sum = histogram_new();
    histogram_copy(sum, first);
    assert_same(sum, first);
    histogram_add(sum, second);
    assert_int_equal(histogram_count(sum), VALUES + VALUES / 2);
    histogram_subtract(sum, first);
    assert_same(sum, second);
    histogram_free(first);
    histogram_free(second);
    histogram_free(sum);
}

static void histogram_copy_leaves_nothing_of_what_was_there(void **state) {
    (void)state;
    struct histogram *to = histogram_new(), *from = histogram_new();
    histogram_record(to, 5);
    histogram_record(to, 5000000000);
    histogram_record(from, 70);
    histogram_copy(to, from);
    assert_same(to, from);
    histogram_record(to, 6000000000);
    assert_int_equal(histogram_count(to), 2);
    assert_int_equal(histogram_percentile_ns(to, 50), 70);
    assert_close((double)histogram_percentile_ns(to, 51), 6000000000.0);
    histogram_free(to);
    histogram_free(from);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(histogram_percentile_of_empty_is_zero),
        cmocka_unit_test(histogram_percentiles_are_those_of_the_sorted_values),
        cmocka_unit_test(histogram_percentile_counts_whole_requests),
        cmocka_unit_test(histogram_mean_and_deviation_are_those_of_the_values),
        cmocka_unit_test(histogram_keeps_three_digits_at_every_edge),
        cmocka_unit_test(histogram_counts_what_is_too_long_as_the_longest),
        cmocka_unit_test(histogram_difference_of_snapshots_is_what_came_between),
        cmocka_unit_test(histogram_copy_leaves_nothing_of_what_was_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
