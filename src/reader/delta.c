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

struct reader_cpu {
    struct reader *reader;
    struct snapshot before;
};

/* The sampler of a capture that just ended may still be stopping when we join, and the table be cleared while we read
 * it: what was read then is no beginning. Once more is enough, since we are among its users by now. */
static int take_cpu_before(const struct view *view, struct snapshot *ret) {
    mailbox_refresh(view); /* what was used before is nothing of ours */
    uint64_t ready = mailbox_cpu_ready(view);
    int error = snapshot_take(view, SNAPSHOT_CPU, ret);
    if (error || (ready && mailbox_cpu_ready(view) == ready))
        return error;
    snapshot_done(ret);
    error = mailbox_cpu_wait(view);
    return error ? error : snapshot_take(view, SNAPSHOT_CPU, ret);
}

int reader_cpu_begin(struct reader *reader, unsigned hz, struct reader_cpu **ret) {
    struct reader_cpu *capture = calloc(1, sizeof(*capture));
    if (!capture)
        return -ENOMEM;
    capture->reader = reader;
    int error = mailbox_cpu_join(&reader->view, hz);
    if (!error) {
        error = take_cpu_before(&reader->view, &capture->before);
        if (error)
            mailbox_cpu_leave(&reader->view);
    }
    if (error) {
        free(capture);
        return error;
    }
    *ret = capture;
    return 0;
}

static int cpu_difference(const struct reader_cpu *capture, struct snapshot *after, struct profile **ret) {
    int error = counters_profile(capture->reader, &counters_cpu, after, &capture->before, ret);
    if (!error)
        (*ret)->time_nanos = (int64_t)capture->before.realtime_ns;
    return error;
}

int reader_cpu_end(struct reader_cpu *capture, struct profile **ret) {
    const struct view *view = &capture->reader->view;
    struct snapshot after = {0};
    int error = 0;
    if (ret) {
        mailbox_refresh(view); /* CPU time that no signal has told of yet; names of threads that came meanwhile */
        error = snapshot_take(view, SNAPSHOT_CPU, &after);
    }
    mailbox_cpu_leave(view);
    if (ret && !error)
        error = cpu_difference(capture, &after, ret);
    snapshot_done(&after);
    snapshot_done(&capture->before);
    free(capture);
    return error;
}

void reader_cpu_follow(struct reader *reader, unsigned hz) {
    mailbox_cpu_enter(&reader->view, hz);
}

void reader_cpu_unfollow(struct reader *reader) {
    mailbox_cpu_leave(&reader->view);
}

int reader_cpu_so_far(struct reader *reader, struct profile **ret) {
    struct snapshot now;
    mailbox_refresh(&reader->view);
    int error = snapshot_take(&reader->view, SNAPSHOT_CPU, &now);
    if (error)
        return error;
    error = counters_profile(reader, &counters_cpu, &now, /* before= */ NULL, ret);
    snapshot_done(&now);
    return error;
}
