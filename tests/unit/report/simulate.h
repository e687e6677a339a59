/* Random figures that are the same in each run of a test. */
#ifndef PIKO_TESTS_REPORT_SIMULATE_H
#define PIKO_TESTS_REPORT_SIMULATE_H

#include <math.h>
#include <stdint.h>

struct random {
    uint64_t state;
};

/* Above 0 and below 1. */
static inline double random_share(struct random *random) {
    random->state = random->state * 6364136223846793005u + 1442695040888963407u;
    return ((double)(random->state >> 12) + 0.5) / 0x1p52;
}

static inline double random_normal(struct random *random) {
    return sqrt(-2 * log(random_share(random))) * cos(2 * 3.14159265358979 * random_share(random));
}

/* How many events come of a rate: by their distances, 500 at a time since exp() has its limits. */
static inline double random_poisson(struct random *random, double mean) {
    double n = 0;
    for (double rest = mean; rest > 0; rest -= 500) {
        double product = random_share(random), least = exp(-fmin(rest, 500));
        for (; product > least; n++)
            product *= random_share(random);
    }
    return n;
}

/* A factor with mean 1 and that deviation (log-normal). */
static inline double random_spread(struct random *random, double deviation) {
    double sigma = sqrt(log1p(deviation * deviation));
    return exp(sigma * random_normal(random) - sigma * sigma / 2);
}

#endif
