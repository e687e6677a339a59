#include "reader/build.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "reader/builds.h"
#include "reader/internal.h"

int build_init(const struct reader *reader, struct build *ret) {
    *ret = (struct build){.reader = reader, .profile = profile_new()};
    return ret->profile ? places_init(reader, &ret->places) : -ENOMEM;
}

void build_done(struct build *build) {
    places_done(&build->places);
    profile_free(build->profile);
    build->profile = NULL;
}

int build_want_stack(struct build *build, uint32_t stack) {
    struct view_stack frames;
    return view_stack(&build->reader->view, stack, &frames) ? places_add_stack(&build->places, &frames) : 0;
}

int build_resolve(struct build *build) {
    int error = places_resolve(&build->places);
    if (!error)
        places_add_main_mapping(&build->places, build->profile);
    return error;
}

static uint32_t synthetic_location(struct profile *profile, const char *name) {
    struct profile_line line = {
        .function = profile_add_function(profile,
                                         &(struct profile_function){.name = name, .system_name = name, .filename = ""}),
    };
    if (line.function == PROFILE_NONE)
        return PROFILE_NONE;
    return profile_add_location(profile,
                                &(struct profile_location){.mapping = PROFILE_NONE, .lines = &line, .n_lines = 1});
}

int build_sample_of(struct build *build, const struct view_stack *frames, const char *otherwise, int64_t *values,
                    const struct profile_label *labels, uint32_t n_labels) {
    struct profile *profile = build->profile;
    uint32_t locations[SEGMENT_STACK_DEPTH_MAX + 1], n = 0;
    /* Gathered and read in two passes: what a hostile writer changed in between is no longer among the places. */
    bool there = frames && frames->n_frames;
    for (uint32_t i = 0; there && i < frames->n_frames; i++)
        there = places_at(&build->places, frames->pcs[i]) != NULL;
    if (there) {
        for (; n < frames->n_frames; n++)
            locations[n] = places_location(&build->places, profile, frames->pcs[n]);
        if (frames->truncated)
            locations[n++] = synthetic_location(profile, BUILD_TRUNCATED);
    } else {
        locations[n++] = synthetic_location(profile, otherwise);
    }
    for (uint32_t i = 0; i < n; i++)
        if (locations[i] == PROFILE_NONE)
            return -ENOMEM;
    struct profile_label all[BUILD_LABELS_MAX + READER_LABELS];
    for (uint32_t i = 0; i < n_labels; i++)
        all[i] = labels[i];
    n_labels += reader_labels(build->reader, profile, all + n_labels);
    return profile_add_sample(
        profile, &(struct profile_sample){
                     .locations = locations, .n_locations = n, .values = values, .labels = all, .n_labels = n_labels});
}

int build_sample(struct build *build, uint32_t stack, const char *otherwise, int64_t *values,
                 const struct profile_label *labels, uint32_t n_labels) {
    struct view_stack frames;
    bool there = view_stack(&build->reader->view, stack, &frames);
    return build_sample_of(build, there ? &frames : NULL, otherwise, values, labels, n_labels);
}

int build_synthetic(struct build *build, const char *name, int64_t *values) {
    int64_t any = 0;
    for (uint32_t i = 0; i < build->profile->n_sample_types; i++)
        any |= values[i];
    return any ? build_sample(build, 0, name, values, NULL, 0) : 0;
}

static void comment_on_builds(struct build *build) {
    const struct modules *modules = &build->places.modules;
    for (uint32_t i = 0; i < modules->n; i++) {
        const char *sentence = builds_find(build->reader->builds, modules->list[i].path);
        if (sentence && (!i || strcmp(modules->list[i].path, modules->list[i - 1].path) != 0))
            profile_add_comment(build->profile, BUILD_COMMENT "%s", sentence);
    }
}

void build_comments(struct build *build, const struct segment_counters *counters) {
    struct profile *profile = build->profile;
    const struct view *view = &build->reader->view;
    struct view_rates rates = view_rates(view);
    profile_add_comment(profile, "piko: pid %" PRIu32 "%s%s",
                        build->reader->process_pid ? build->reader->process_pid : view->pid,
                        build->reader->process_pid ? " " : "", build->reader->process_name);
    if (reader_has_ended(build->reader))
        profile_add_comment(profile, "the process has ended");
    else if (__atomic_load_n(&view->quiet, __ATOMIC_RELAXED))
        profile_add_comment(profile, "the target does not answer: this is %" PRIu64 " ms old",
                            reader_silent_ms(build->reader));
    profile_add_comment(profile,
                        "rates: mem_profile_rate_bytes=%" PRIu64 " block_rate_ns=%" PRIu64 " mutex_fraction=%" PRIu64
                        " cpu_period_ns=%" PRIu64,
                        rates.mem_profile_rate_bytes, rates.block_rate_ns, rates.mutex_fraction, rates.cpu_period_ns);
    profile_add_comment(profile,
                        "lost: cpu=%" PRIu64 " heap=%" PRIu64 " live=%" PRIu64 " block=%" PRIu64 " mutex=%" PRIu64
                        " threads=%" PRIu64 " modules=%" PRIu64 " timers=%" PRIu64 " stacks=%" PRIu64,
                        counters->lost_cpu, counters->lost_heap, counters->lost_live, counters->lost_block,
                        counters->lost_mutex, counters->lost_threads, counters->lost_modules, counters->lost_timers,
                        counters->stacks_lost);
    profile_add_comment(profile,
                        "capture: cpu_samples=%" PRIu64 " cpu_overruns=%" PRIu64 " truncated_stacks=%" PRIu64
                        " handler_ns=%" PRIu64 " hook_samples=%" PRIu64 " hook_ns=%" PRIu64 " lost_names=%" PRIu64
                        " segment_bytes_used=%" PRIu64,
                        counters->cpu_samples, counters->cpu_overruns, counters->stacks_truncated, counters->handler_ns,
                        counters->hook_samples, counters->hook_ns, counters->lost_strings, view_bytes_used(view));
    comment_on_builds(build);
}

int build_take(struct build *build, struct profile **ret) {
    if (build->profile->error)
        return build->profile->error;
    *ret = build->profile;
    build->profile = NULL;
    return 0;
}
