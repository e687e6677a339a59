/* Captures that last: the difference of two snapshots. */
#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "reader/counters.h"
#include "reader/internal.h"
#include "reader/mailbox.h"
#include "reader/threadprofile.h"

struct reader_delta {
    struct reader *reader;
    enum reader_kind kind;
    uint64_t begin_ns;
    struct snapshot counters; /* of counter kinds */
    struct profile *threads;  /* of the others */
};

static void delta_free(struct reader_delta *delta) {
    snapshot_done(&delta->counters);
    profile_free(delta->threads);
    free(delta);
}

int reader_delta_begin(struct reader *reader, enum reader_kind kind, struct reader_delta **ret) {
    struct reader_delta *delta = calloc(1, sizeof(*delta));
    if (!delta)
        return -ENOMEM;
    delta->reader = reader;
    delta->kind = kind;
    delta->begin_ns = clock_monotonic_ns();
    const struct counters_kind *counters = counters_kind(kind);
    int error = counters ? snapshot_take(&reader->view, counters_table(counters), &delta->counters)
                         : reader_profile(reader, kind, &delta->threads);
    if (error && !delta->threads) {
        delta_free(delta);
        return error;
    }
    *ret = delta;
    return error;
}

static int counters_difference(const struct reader_delta *delta, struct profile **ret) {
    const struct counters_kind *kind = counters_kind(delta->kind);
    struct snapshot after;
    int error = snapshot_take(&delta->reader->view, counters_table(kind), &after);
    if (error)
        return error;
    mailbox_refresh(&delta->reader->view);
    error = counters_profile(delta->reader, kind, &after, &delta->counters, ret);
    snapshot_done(&after);
    return error;
}

/* As Go: the first scaled by -1, merged. */
static int threads_difference(const struct reader_delta *delta, struct profile **ret) {
    struct profile *after = NULL;
    int late = reader_profile(delta->reader, delta->kind, &after);
    if (!after)
        return late;
    uint64_t distance_ns = clock_monotonic_ns() - delta->begin_ns;
    struct profile *difference;
    int error =
        profile_merge((const struct profile *const[]){after, delta->threads}, (const double[]){1, -1}, 2, &difference);
    if (!error) {
        difference->time_nanos = after->time_nanos;
        difference->duration_nanos = (int64_t)distance_ns;
        *ret = difference;
    }
    profile_free(after);
    return error ? error : late;
}

int reader_delta_end(struct reader_delta *delta, struct profile **ret) {
    int error = 0;
    if (ret)
        error = counters_kind(delta->kind) ? counters_difference(delta, ret) : threads_difference(delta, ret);
    delta_free(delta);
    return error;
}
