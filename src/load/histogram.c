#include "load/histogram.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A value below SUB_BUCKETS has a slot of its own (1 ns). Above, each power of two is cut into SUB_BUCKETS / 2 slots, so
 * that a slot is at most 1/1024 of its values wide: three significant digits. */
#define SUB_BUCKET_BITS 11
#define SUB_BUCKETS (1u << SUB_BUCKET_BITS)
#define HALF (SUB_BUCKETS / 2)
#define HIGHEST_BITS 42 /* bits of HISTOGRAM_HIGHEST_NS */
#define SLOTS (SUB_BUCKETS + (HIGHEST_BITS - SUB_BUCKET_BITS) * HALF)

_Static_assert(HISTOGRAM_HIGHEST_NS >> HIGHEST_BITS == 0, "every value has a slot");
_Static_assert(HISTOGRAM_HIGHEST_NS >> (HIGHEST_BITS - 1) == 1, "no slot is in vain");

struct histogram {
    uint64_t count;
    uint64_t sum_ns;
    uint32_t end; /* slots from here on are 0: what copies and sums need not touch */
    uint64_t slots[SLOTS];
};

static uint32_t slot_of(uint64_t ns) {
    /* Bits that a slot of this size leaves out; 0 in the first bucket. */
    unsigned shift = 64 - SUB_BUCKET_BITS - (unsigned)__builtin_clzll(ns | (SUB_BUCKETS - 1));
    return shift * HALF + (uint32_t)(ns >> shift);
}

static unsigned shift_of_slot(uint32_t slot) {
    return slot < SUB_BUCKETS ? 0 : slot / HALF - 1;
}

static uint64_t lowest_of_slot(uint32_t slot) {
    unsigned shift = shift_of_slot(slot);
    return (uint64_t)(slot - shift * HALF) << shift;
}

static uint64_t highest_of_slot(uint32_t slot) {
    return lowest_of_slot(slot) + (1ull << shift_of_slot(slot)) - 1;
}

struct histogram *histogram_new(void) {
    return calloc(1, sizeof(struct histogram));
}

void histogram_free(struct histogram *histogram) {
    free(histogram);
}

void histogram_reset(struct histogram *histogram) {
    memset(histogram->slots, 0, histogram->end * sizeof histogram->slots[0]);
    histogram->count = histogram->sum_ns = histogram->end = 0;
}

void histogram_record(struct histogram *histogram, uint64_t latency_ns) {
    if (latency_ns > HISTOGRAM_HIGHEST_NS)
        latency_ns = HISTOGRAM_HIGHEST_NS;
    uint32_t slot = slot_of(latency_ns);
    histogram->slots[slot]++;
    histogram->count++;
    histogram->sum_ns += latency_ns;
    if (slot >= histogram->end)
        histogram->end = slot + 1;
}

void histogram_add(struct histogram *sum, const struct histogram *other) {
    sum->count += other->count;
    sum->sum_ns += other->sum_ns;
    for (uint32_t i = 0; i < other->end; i++)
        sum->slots[i] += other->slots[i];
    if (other->end > sum->end)
        sum->end = other->end;
}

void histogram_subtract(struct histogram *rest, const struct histogram *other) {
    rest->count -= other->count;
    rest->sum_ns -= other->sum_ns;
    for (uint32_t i = 0; i < other->end; i++)
        rest->slots[i] -= other->slots[i];
}

void histogram_copy(struct histogram *to, const struct histogram *from) {
    if (to == from)
        return;
    if (to->end > from->end)
        memset(to->slots + from->end, 0, (to->end - from->end) * sizeof to->slots[0]);
    memcpy(to->slots, from->slots, from->end * sizeof to->slots[0]);
    to->count = from->count;
    to->sum_ns = from->sum_ns;
    to->end = from->end;
}

uint64_t histogram_count(const struct histogram *histogram) {
    return histogram->count;
}

double histogram_mean_ns(const struct histogram *histogram) {
    return histogram->count ? (double)histogram->sum_ns / (double)histogram->count : 0;
}

double histogram_deviation_ns(const struct histogram *histogram) {
    if (!histogram->count)
        return 0;
    double mean = histogram_mean_ns(histogram), squares = 0;
    for (uint32_t i = 0; i < histogram->end; i++) {
        double middle = ((double)lowest_of_slot(i) + (double)highest_of_slot(i)) / 2;
        squares += (double)histogram->slots[i] * (middle - mean) * (middle - mean);
    }
    return sqrt(squares / (double)histogram->count);
}

uint64_t histogram_min_ns(const struct histogram *histogram) {
    for (uint32_t i = 0; i < histogram->end; i++)
        if (histogram->slots[i])
            return lowest_of_slot(i);
    return 0;
}

uint64_t histogram_max_ns(const struct histogram *histogram) {
    for (uint32_t i = histogram->end; i-- > 0;)
        if (histogram->slots[i])
            return highest_of_slot(i);
    return 0;
}

uint64_t histogram_percentile_ns(const struct histogram *histogram, double percent) {
    if (!(percent > 0))
        return histogram_min_ns(histogram);
    if (percent >= 100)
        return histogram_max_ns(histogram);
    /* 99.9 % of 1000 is 999.0000000000001 in floating point, and means 999. */
    double wanted = percent / 100 * (double)histogram->count * (1 - 1e-12);
    uint64_t seen = 0;
    for (uint32_t i = 0; i < histogram->end; i++) {
        seen += histogram->slots[i];
        if (seen && (double)seen >= wanted)
            return highest_of_slot(i);
    }
    return 0;
}

bool histogram_next(const struct histogram *histogram, uint32_t *slot, uint64_t *ret_highest_ns, uint64_t *ret_count) {
    while (*slot < histogram->end && histogram->slots[*slot] == 0)
        (*slot)++;
    if (*slot == histogram->end)
        return false;
    *ret_highest_ns = highest_of_slot(*slot);
    *ret_count = histogram->slots[(*slot)++];
    return true;
}

uint64_t histogram_sum_ns(const struct histogram *histogram) {
    return histogram->sum_ns;
}

void histogram_put_back(struct histogram *histogram, uint64_t highest_ns, uint64_t count) {
    uint32_t slot = slot_of(highest_ns > HISTOGRAM_HIGHEST_NS ? HISTOGRAM_HIGHEST_NS : highest_ns);
    histogram->slots[slot] += count;
    histogram->count += count;
    if (slot >= histogram->end)
        histogram->end = slot + 1;
}

void histogram_put_back_sum(struct histogram *histogram, uint64_t sum_ns) {
    histogram->sum_ns = sum_ns;
}
