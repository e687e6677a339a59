#include "cli/moments.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"

#define MOMENTS_A_PHASE 60u /* fewer in a short one */
#define LEAST_NS (250 * NS_PER_MS)

int moments_init(struct moments *moments, struct load *load, uint64_t run_start_ns) {
    *moments = (struct moments){
        .load = load, .run_start_ns = run_start_ns, .before = histogram_new(), .difference = histogram_new()};
    int error = load_stats_init(&moments->now);
    return error ? error : moments->before && moments->difference ? 0 : -ENOMEM;
}

void moments_done(struct moments *moments) {
    load_stats_done(&moments->now);
    histogram_free(moments->before);
    histogram_free(moments->difference);
    free(moments->items);
    *moments = (struct moments){0};
}

/* The next moment begins where `now` is. */
static void begin(struct moments *moments) {
    moments->requests = moments->now.requests;
    moments->failures = load_stats_failures(&moments->now);
    moments->elapsed_ns = moments->now.elapsed_ns;
    histogram_copy(moments->before, moments->now.latency);
}

void moments_start(struct moments *moments, uint64_t phase_length_ns) {
    uint64_t length = phase_length_ns / MOMENTS_A_PHASE;
    moments->length_ns = length > LEAST_NS ? length : LEAST_NS;
    load_snapshot(moments->load, &moments->now);
    begin(moments);
    moments->started_ns = clock_monotonic_ns();
}

/* Without memory a moment is left out: the report goes on. */
static void keep(struct moments *moments, const struct load_moment *moment) {
    if (moments->n == moments->space) {
        size_t space = moments->space ? moments->space * 2 : 64;
        struct load_moment *items = reallocarray(moments->items, space, sizeof *items);
        if (!items)
            return;
        moments->items = items;
        moments->space = space;
    }
    moments->items[moments->n++] = *moment;
}

void moments_tick(struct moments *moments, bool ends) {
    uint64_t now_ns = clock_monotonic_ns();
    if (!moments->started_ns || (!ends && now_ns - moments->started_ns < moments->length_ns))
        return;
    load_snapshot(moments->load, &moments->now);
    histogram_copy(moments->difference, moments->now.latency);
    histogram_subtract(moments->difference, moments->before);
    struct load_moment moment = {
        .start_ns = moments->started_ns - moments->run_start_ns,
        .length_ns = moments->now.elapsed_ns - moments->elapsed_ns,
        .requests = moments->now.requests - moments->requests,
        .failures = load_stats_failures(&moments->now) - moments->failures,
        .p50_ns = histogram_percentile_ns(moments->difference, 50),
        .p99_ns = histogram_percentile_ns(moments->difference, 99),
        .max_ns = histogram_max_ns(moments->difference),
    };
    keep(moments, &moment);
    begin(moments);
    moments->started_ns = ends ? 0 : now_ns;
}
