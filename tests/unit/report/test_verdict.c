/* clang-format off */
#include <setjmp.h> /* cmocka.h needs these before it */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <math.h>

#include "report/verdict.h"
#include "simulate.h"

#define ROWS 60
#define TABLES 2000

/* cmocka's own is for floats. */
static void assert_near(double value, double expected, double most) {
    if (!(fabs(value - expected) <= most))
        fail_msg("%.12g is not %.12g", value, expected);
}

static double probability(double before, double after, double spread) {
    return verdict_probability(
        &(struct evidence){.before = before, .after = after, .exposure_before = 1, .exposure_after = 1}, spread);
}

/* Of ten coins at most two heads: 56 of 1024 ways, and as many for tails. */
static void without_spread_the_tail_is_the_binomial_one(void **state) {
    (void)state;
    assert_near(probability(8, 2, 0), 2 * 56.0 / 1024, 1e-6);
    assert_near(probability(2, 8, 0), 2 * 56.0 / 1024, 1e-6);
    assert_near(probability(0, 20, 0), 2 / 1048576.0, 1e-9);
    assert_near(probability(5, 5, 0), 1, 1e-9);
    /* Three in four are expected after: 0.25^4 for none of four, which is the tail that was seen. */
    struct evidence uneven = {.before = 4, .after = 0, .exposure_before = 100, .exposure_after = 300};
    assert_near(verdict_probability(&uneven, 0), 2 / 256.0, 1e-6);
}

/* A beta of (1, 1) makes every share of the events after as probable as any other. */
static void with_spread_the_tail_is_the_beta_binomial_one(void **state) {
    (void)state;
    double spread = sqrt(2.0 / 3); /* 1 / (2 spread^2 / 4) - 1 = 2 */
    assert_near(probability(98, 1, spread), 2 * 2.0 / 100, 1e-4);
    assert_near(probability(1000, 1100, 0.5), probability(1e7, 1.1e7, 0.5), 0.01);
}

static void nothing_and_absurd_figures_tell_nothing(void **state) {
    (void)state;
    assert_near(probability(0, 0, 0.1), 1, 0);
    assert_near(probability((double)NAN, 1, 0.1), 1, 0);
    assert_true(probability(1e18, 1e18, 0.04) > 0.9);
    assert_true(probability(0, 1e18, 0.04) < 1e-6);
    assert_near(verdict_probability(&(struct evidence){.before = 5, .after = 5}, 0), 1, 0);
}

static void the_limit_is_that_of_benjamini_and_hochberg(void **state) {
    (void)state;
    double found[] = {0.041, 0.001, 0.6, 0.008, 0.039}; /* limits: 0.01 0.02 0.03 0.04 0.05 */
    assert_near(verdict_limit(found, 5), 0.008, 1e-12);
    double later[] = {0.02, 0.02, 0.02, 0.02, 0.9}; /* each too much for its own place but the last */
    assert_near(verdict_limit(later, 5), 0.02, 1e-12);
    double none[] = {0.5, 0.06};
    assert_true(verdict_limit(none, 2) < 0);
    assert_true(verdict_limit(NULL, 0) < 0);
}

/* A table whose rows have from 2 to 2000 events, in two runs that differ by `spread`; `factor` is what row 50 changed by. */
static void simulate_table(struct random *random, double spread, double factor, struct evidence ret[ROWS]) {
    for (int i = 0; i < ROWS; i++) {
        double mean = 2 * exp(i * log(1000.0) / (ROWS - 1));
        ret[i] = (struct evidence){.exposure_before = 1, .exposure_after = 1.7};
        ret[i].before = random_poisson(random, mean * random_spread(random, spread));
        ret[i].after = random_poisson(random, 1.7 * mean * random_spread(random, spread) * (i == 50 ? factor : 1));
    }
}

/* Rows of one table that are called changed; `ret_hit`: whether row 50 is. */
static int judge(const struct evidence rows[ROWS], int *ret_hit) {
    double probabilities[ROWS], sorted[ROWS], spread = verdict_spread(rows, ROWS, 0.04, 0.2);
    int n = 0, changed = 0;
    for (int i = 0; i < ROWS; i++) {
        probabilities[i] = verdict_probability(&rows[i], spread);
        if (rows[i].before + rows[i].after >= VERDICT_EVENTS_LEAST)
            sorted[n++] = probabilities[i];
    }
    double limit = verdict_limit(sorted, (size_t)n);
    for (int i = 0; i < ROWS; i++)
        changed += probabilities[i] <= limit && rows[i].before + rows[i].after >= VERDICT_EVENTS_LEAST;
    *ret_hit = probabilities[50] <= limit;
    return changed;
}

/* Fixed seeds: the counts are always the same. */
static void equal_runs_are_called_changed_in_at_most_one_table_in_twenty(void **state) {
    (void)state;
    static const double spreads[] = {0, 0.03, 0.08, 0.15};
    for (size_t s = 0; s < sizeof(spreads) / sizeof(spreads[0]); s++) {
        struct random random = {.state = 42 + s};
        int tables = 0, rows = 0, hit;
        for (int i = 0; i < TABLES; i++) {
            struct evidence table[ROWS];
            simulate_table(&random, spreads[s], 1, table);
            int changed = judge(table, &hit);
            tables += changed > 0;
            rows += changed;
        }
        print_message("spread %.2f: changed in %d of %d tables, %d of %d rows\n", spreads[s], tables, TABLES, rows,
                      TABLES * ROWS);
        assert_true(tables <= TABLES * VERDICT_FALSE_MOST);
    }
}

static void a_row_that_grew_by_half_is_found_and_few_others_with_it(void **state) {
    (void)state;
    struct random random = {.state = 7};
    int hits = 0, others = 0, called = 0;
    for (int i = 0; i < TABLES; i++) {
        struct evidence table[ROWS];
        int hit;
        simulate_table(&random, 0.03, 1.5, table);
        int changed = judge(table, &hit);
        hits += hit;
        called += changed;
        others += changed - hit;
    }
    print_message("found in %d of %d tables; %d of %d called were others\n", hits, TABLES, others, called);
    assert_true(hits > TABLES * 0.95);
    assert_true(others <= called * VERDICT_FALSE_MOST);
}

static void the_spread_is_what_most_rows_differ_by(void **state) {
    (void)state;
    struct random random = {.state = 3};
    double sum = 0;
    for (int i = 0; i < 200; i++) {
        struct evidence table[ROWS];
        simulate_table(&random, 0.12, 1, table);
        sum += verdict_spread(table, ROWS, 0.01, 0.5);
    }
    print_message("spread 0.12 is taken for %.3f\n", sum / 200);
    assert_near(sum / 200, 0.13, 0.01);
    assert_near(verdict_spread(NULL, 0, 0.04, 0.2), 0.09, 0.005);
    assert_near(verdict_spread(NULL, 0, 1, 1), 1, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_spread_the_tail_is_the_binomial_one),
        cmocka_unit_test(with_spread_the_tail_is_the_beta_binomial_one),
        cmocka_unit_test(nothing_and_absurd_figures_tell_nothing),
        cmocka_unit_test(the_limit_is_that_of_benjamini_and_hochberg),
        cmocka_unit_test(equal_runs_are_called_changed_in_at_most_one_table_in_twenty),
        cmocka_unit_test(a_row_that_grew_by_half_is_found_and_few_others_with_it),
        cmocka_unit_test(the_spread_is_what_most_rows_differ_by),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
