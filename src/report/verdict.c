#include "report/verdict.h"

#include <math.h>
#include <stdlib.h>

#define EVENTS_MOST 1e6          /* of a row; beyond, the spread alone decides */
#define SPREAD_EVENTS_LEAST 10.0 /* on each side, of rows that tell of the spread */
#define SPREAD_STEPS 64u
#define SPREAD_LIKELIHOOD 0.2 /* how much less likely than the best one the one that is taken may be */
/* Differences of rows are fitted by Student's t: rows that really changed hardly pull. Of a normal distribution with
 * variance 1, which most rows are of, the t that fits best has the square of its scale a little lower. */
#define STUDENT_FREEDOM 3.0
#define STUDENT_SCALE 0.63
#define NORMAL_95 1.959963984540054

/* ---- one row ----------------------------------------------------------------------------------------------------- */

/* The distribution of the events after, of n in all; with infinite a + b it is binomial. */
struct beta_binomial {
    double n, share; /* share: what is expected to be after */
    double a, b;     /* infinite: binomial */
};

static double log_choose(double n, double k) {
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1);
}

static double log_beta(double a, double b) {
    return lgamma(a) + lgamma(b) - lgamma(a + b);
}

static double density(const struct beta_binomial *of, double k) {
    if (isinf(of->a))
        return exp(log_choose(of->n, k) + k * log(of->share) + (of->n - k) * log1p(-of->share));
    return exp(log_choose(of->n, k) + log_beta(k + of->a, of->n - k + of->b) - log_beta(of->a, of->b));
}

/* density(k + 1) / density(k) */
static double ratio(const struct beta_binomial *of, double k) {
    double chosen = (of->n - k) / (k + 1);
    return chosen * (isinf(of->a) ? of->share / (1 - of->share) : (k + of->a) / (of->n - k - 1 + of->b));
}

/* From k away from the middle, until nothing more comes of it. */
static double tail(const struct beta_binomial *of, double k) {
    double term = density(of, k), sum = term;
    if (k >= of->n * of->share)
        for (; k < of->n && term > sum * 1e-12; k++)
            sum += term *= ratio(of, k);
    else
        for (; k > 0 && term > sum * 1e-12; k--)
            sum += term /= ratio(of, k - 1);
    return sum;
}

double verdict_probability(const struct evidence *evidence, double spread) {
    double all = evidence->before + evidence->after, scale = all > EVENTS_MOST ? EVENTS_MOST / all : 1;
    struct beta_binomial of = {
        .n = round(all * scale),
        .share = evidence->exposure_after / (evidence->exposure_before + evidence->exposure_after),
        .a = HUGE_VAL,
        .b = HUGE_VAL,
    };
    if (!(of.n >= 1) || !(of.share > 0 && of.share < 1))
        return 1;
    /* Two values that differ by `spread` each move the share by share (1 - share) spread sqrt(2). */
    double sum = 1 / (2 * spread * spread * of.share * (1 - of.share)) - 1;
    if (spread > 0 && isfinite(sum)) {
        of.a = fmax(sum, 1e-3) * of.share;
        of.b = fmax(sum, 1e-3) * (1 - of.share);
    }
    double after = fmin(round(evidence->after * scale), of.n);
    return fmin(1, 2 * tail(&of, after));
}

double verdict_half_width(const struct evidence *evidence, double spread) {
    double before = evidence->before + 0.5, after = evidence->after + 0.5;
    double deviation = sqrt(1 / before + 1 / after + 2 * spread * spread);
    return 1 - exp(-NORMAL_95 * deviation);
}

/* ---- all rows ---------------------------------------------------------------------------------------------------- */

static int compare_doubles(const void *left, const void *right) {
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* How well a spread explains what the rows differ by, and what is known of spreads (logarithms). */
static double likelihood(const struct evidence *rows, size_t n, double spread, double least, double most) {
    double prior = (spread - least) / ((most - least) / 2), sum = -prior * prior / 2;
    for (size_t i = 0; i < n; i++) {
        const struct evidence *row = &rows[i];
        if (row->before < SPREAD_EVENTS_LEAST || row->after < SPREAD_EVENTS_LEAST)
            continue;
        double apart = log(row->after / row->exposure_after) - log(row->before / row->exposure_before);
        double variance = (1 / row->before + 1 / row->after + 2 * spread * spread) * STUDENT_SCALE;
        sum -= log(variance) / 2 + (STUDENT_FREEDOM + 1) / 2 * log1p(apart * apart / variance / STUDENT_FREEDOM);
    }
    return sum;
}

double verdict_spread(const struct evidence *rows, size_t n, double least, double most) {
    double values[SPREAD_STEPS + 1], best = -HUGE_VAL, ret = least;
    if (!(most > least))
        return least;
    for (unsigned i = 0; i <= SPREAD_STEPS; i++) {
        values[i] = likelihood(rows, n, least + (most - least) * i / SPREAD_STEPS, least, most);
        best = fmax(best, values[i]);
    }
    for (unsigned i = 0; i <= SPREAD_STEPS; i++)
        if (values[i] >= best - SPREAD_LIKELIHOOD)
            ret = least + (most - least) * i / SPREAD_STEPS;
    return ret;
}

double verdict_limit(double *probabilities, size_t n) {
    double limit = -1;
    qsort(probabilities, n, sizeof(*probabilities), compare_doubles);
    for (size_t i = 0; i < n; i++)
        if (probabilities[i] <= VERDICT_FALSE_MOST * (double)(i + 1) / (double)n)
            limit = probabilities[i];
    return limit;
}

const char *verdict_name(enum verdict verdict) {
    static const char *const names[] = {
        [VERDICT_NOISE] = "noise", [VERDICT_CHANGED] = "changed", [VERDICT_MORE] = "needs more samples"};
    return names[verdict];
}
