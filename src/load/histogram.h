/* Log-bucketed latency histogram: 3 significant digits at every size (exact below 2 µs), up to an hour; every request
 * counts. Buckets are those of HdrHistogram with 2048 sub-buckets and 1 ns as the unit. Adding costs one increment;
 * histograms add and subtract. About 270 KB each, of
 * which what was never recorded takes no memory. Threads: one at a time. */
#ifndef PIKO_LOAD_HISTOGRAM_H
#define PIKO_LOAD_HISTOGRAM_H

#include <stdbool.h>
#include <stdint.h>

#define HISTOGRAM_HIGHEST_NS 3600000000000ull /* longer ones count as this */

struct histogram;

/* NULL when memory ran out. */
struct histogram *histogram_new(void);
void histogram_free(struct histogram *histogram);
void histogram_reset(struct histogram *histogram);
void histogram_record(struct histogram *histogram, uint64_t latency_ns);
void histogram_add(struct histogram *sum, const struct histogram *other); /* sum += other */
void histogram_subtract(struct histogram *rest,
                        const struct histogram *other); /* rest -= other, an earlier snapshot of it */
void histogram_copy(struct histogram *to, const struct histogram *from);

uint64_t histogram_count(const struct histogram *histogram);
double
histogram_mean_ns(const struct histogram *histogram); /* exact: from the sum, not from the buckets; 0 when empty */
double histogram_deviation_ns(const struct histogram *histogram); /* standard deviation */
uint64_t histogram_min_ns(const struct histogram *histogram);     /* lowest of its bucket range; 0 when empty */
uint64_t histogram_max_ns(const struct histogram *histogram);     /* highest of its bucket range; 0 when empty */
/* Smallest value (highest of its bucket range) that at least `percent` (0 to 100) of all are not above; percent 0 is the
 * minimum; 0 when empty. */
uint64_t histogram_percentile_ns(const struct histogram *histogram, double percent);

/* For keeping a histogram and making it again, exactly: the ranges that hold values, lowest first (start with *slot = 0;
 * false ends it), and the sum of all values; and what puts them back into an empty one. */
bool histogram_next(const struct histogram *histogram, uint32_t *slot, uint64_t *ret_highest_ns, uint64_t *ret_count);
uint64_t histogram_sum_ns(const struct histogram *histogram);
void histogram_put_back(struct histogram *histogram, uint64_t highest_ns, uint64_t count);
void histogram_put_back_sum(struct histogram *histogram, uint64_t sum_ns);

#endif
