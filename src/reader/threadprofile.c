#include "reader/threadprofile.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "reader/build.h"
#include "reader/internal.h"
#include "reader/labels.h"
#include "reader/mailbox.h"
#include "reader/threads.h"

#define LABELS_MAX (3u + SEGMENT_LABELS_MAX)

static int add_goroutine(struct build *build, const struct thread_row *row) {
    struct profile_label labels[LABELS_MAX];
    uint32_t n = 0;
    char number[16];
    snprintf(number, sizeof(number), "%" PRIu32, row->tid);
    if (row->name[0])
        labels[n++] = (struct profile_label){.key = "thread_name", .string = profile_intern(build->profile, row->name)};
    labels[n++] = (struct profile_label){.key = "thread id", .string = profile_intern(build->profile, number)};
    labels[n++] = (struct profile_label){.key = "state", .string = threads_state_name(row->state)};
    n += labels_of(&build->reader->view, row->labels, build->profile, labels + n);
    struct view_stack frames;
    bool there = threads_stack(&build->reader->view, row, &frames);
    return build_sample_of(build, there ? &frames : NULL, BUILD_UNKNOWN, &(int64_t){1}, labels, n);
}

static int add_creator(struct build *build, const struct thread_row *row) {
    return build_sample(build, row->create_stack, BUILD_UNKNOWN, &(int64_t){1}, NULL, 0);
}

static int want_stack(struct build *build, const struct thread_row *row, bool by_creator) {
    struct view_stack frames;
    if (by_creator)
        return build_want_stack(build, row->create_stack);
    return threads_stack(&build->reader->view, row, &frames) ? places_add_stack(&build->places, &frames) : 0;
}

static int fill(struct build *build, const char *type, const struct threads *threads, bool by_creator) {
    struct profile *profile = build->profile;
    struct segment_counters counters;
    view_counters(&build->reader->view, &counters);
    int error = 0;
    for (size_t i = 0; i < threads->n && !error; i++)
        error = want_stack(build, &threads->rows[i], by_creator);
    if (!error)
        error = build_resolve(build);
    if (error)
        return error;
    profile_add_sample_type(profile, type, "count");
    profile->period_type.type = profile_intern(profile, type);
    profile->period_type.unit = profile_intern(profile, "count");
    profile->period = 1;
    for (size_t i = 0; i < threads->n && !error; i++)
        error = by_creator ? add_creator(build, &threads->rows[i]) : add_goroutine(build, &threads->rows[i]);
    if (error)
        return error;
    build_comments(build, &counters);
    int64_t lost = counters.lost_threads > INT64_MAX ? INT64_MAX : (int64_t)counters.lost_threads;
    return build_synthetic(build, BUILD_LOST, &lost);
}

/* seq: see threads_take(). */
static int build_profile(const struct reader *reader, const char *type, uint64_t seq, bool stale, bool by_creator,
                         struct profile **ret) {
    struct threads threads;
    int error = threads_take(&reader->view, seq, &threads);
    if (error)
        return error;
    if (stale && reader_outside_pid(reader))
        threads_look_outside(&threads, reader_outside_pid(reader));
    struct build build;
    error = build_init(reader, &build);
    if (!error)
        error = fill(&build, type, &threads, by_creator);
    if (!error) {
        build.profile->time_nanos = (int64_t)clock_realtime_ns();
        if (stale && !reader_has_ended(reader))
            profile_add_comment(
                build.profile,
                "the target took no dump in time: states are older, and stacks that could not be read from "
                "outside; it was last heard of %" PRIu64 " ms ago",
                reader_silent_ms(reader));
        error = build_take(&build, ret);
    }
    build_done(&build);
    threads_done(&threads);
    return error;
}

int threadprofile_goroutine(const struct reader *reader, struct profile **ret) {
    uint64_t seq;
    int late = mailbox_dump(&reader->view, &seq);
    int error = build_profile(reader, "goroutine", late ? 0 : seq, late, /* by_creator= */ false, ret);
    return error ? error : late;
}

int threadprofile_create(const struct reader *reader, struct profile **ret) {
    return build_profile(reader, "threadcreate", 0, /* stale= */ false, /* by_creator= */ true, ret);
}
