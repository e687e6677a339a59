/* CPU captures: the difference of two snapshots, and the sampler's users in between. */
#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "reader/counters.h"
#include "reader/internal.h"
#include "reader/mailbox.h"

struct reader_cpu {
    struct reader *reader;
    struct rate rate;
    struct snapshot before;
};

static void join(struct reader *reader, struct rate *rate, unsigned hz) {
    pthread_mutex_lock(&reader->rates_lock);
    rates_enter(&reader->rates, rate, hz);
    mailbox_cpu_enter(&reader->view, rates_fastest(&reader->rates));
    pthread_mutex_unlock(&reader->rates_lock);
}

/* Answers the period of the fastest rate that was in force meanwhile: all that was sampled is a multiple of it, within what
 * is lost by rounding. */
static uint64_t leave(struct reader *reader, struct rate *rate) {
    pthread_mutex_lock(&reader->rates_lock);
    rates_leave(&reader->rates, rate);
    mailbox_cpu_leave(&reader->view, rates_fastest(&reader->rates));
    uint64_t period_ns = NS_PER_S / rate->fastest_hz;
    pthread_mutex_unlock(&reader->rates_lock);
    return period_ns;
}

/* The sampler of a capture that just ended may still be stopping when we join, and the table be cleared while we read
 * it: what was read then is no beginning. Once more is enough, since we are among its users by now. */
static int take_before(const struct view *view, struct snapshot *ret) {
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
    join(reader, &capture->rate, hz);
    int error = mailbox_cpu_wait(&reader->view);
    if (!error)
        error = take_before(&reader->view, &capture->before);
    if (error) {
        leave(reader, &capture->rate);
        free(capture);
        return error;
    }
    *ret = capture;
    return 0;
}

static int difference(const struct reader_cpu *capture, struct snapshot *after, struct profile **ret) {
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
    after.cpu_period_ns = leave(capture->reader, &capture->rate);
    if (ret && !error)
        error = difference(capture, &after, ret);
    snapshot_done(&after);
    snapshot_done(&capture->before);
    free(capture);
    return error;
}

void reader_cpu_follow(struct reader *reader, unsigned hz) {
    join(reader, &reader->followed, hz);
}

void reader_cpu_unfollow(struct reader *reader) {
    leave(reader, &reader->followed);
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
