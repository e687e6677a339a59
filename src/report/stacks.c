#include "report/stacks.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"

enum verdict {
    VERDICT_KEEPS = 1, /* a sample with this location is kept */
    VERDICT_DROPS = 2, /* it is not, whatever else is in it */
};

/* Which functions and mappings an expression matches. */
struct matches {
    bool *functions, *mappings; /* NULL: no expression */
};

static void matches_done(struct matches *matches) {
    free(matches->functions);
    free(matches->mappings);
}

static int match_names(const struct profile *profile, const struct focus *focus, struct matches *ret) {
    if (!focus)
        return 0;
    ret->functions = calloc((size_t)profile->n_functions + 1, sizeof(*ret->functions));
    ret->mappings = calloc((size_t)profile->n_mappings + 1, sizeof(*ret->mappings));
    if (!ret->functions || !ret->mappings)
        return -ENOMEM;
    for (uint32_t i = 0; i < profile->n_functions; i++)
        ret->functions[i] =
            focus_matches(focus, profile->functions[i].name) || focus_matches(focus, profile->functions[i].filename);
    for (uint32_t i = 0; i < profile->n_mappings; i++)
        ret->mappings[i] = focus_matches(focus, profile->mappings[i].file);
    return 0;
}

static bool location_matches(const struct stacks *stacks, const struct matches *matches, uint32_t index) {
    const struct profile_location *location = &stacks->profile->locations[index];
    for (uint32_t i = pruning_inner_lines(&stacks->pruning, index); i < location->n_lines; i++)
        if (matches->functions[location->lines[i].function])
            return true;
    return location->mapping != PROFILE_NONE && matches->mappings[location->mapping];
}

/* As pprof: a location that is ignored does not count for the focus as well. */
static int judge_locations(struct stacks *stacks, const struct matches *focus, const struct matches *ignore) {
    if (!focus->functions && !ignore->functions)
        return 0;
    stacks->verdicts = calloc((size_t)stacks->profile->n_locations + 1, sizeof(*stacks->verdicts));
    if (!stacks->verdicts)
        return -ENOMEM;
    for (uint32_t i = 0; i < stacks->profile->n_locations; i++) {
        if (ignore->functions && location_matches(stacks, ignore, i))
            stacks->verdicts[i] = VERDICT_DROPS;
        else if (!focus->functions || location_matches(stacks, focus, i))
            stacks->verdicts[i] = VERDICT_KEEPS;
    }
    return 0;
}

static bool frame_is_hidden(const struct profile *profile, const struct matches *hide, uint32_t index, uint32_t line) {
    const struct profile_location *location = &profile->locations[index];
    if (!hide->functions)
        return false;
    if (location->mapping != PROFILE_NONE && hide->mappings[location->mapping])
        return true;
    return line < location->n_lines && hide->functions[location->lines[line].function];
}

/* Take frames that are not shown out of frames.line_of. */
static void keep_visible(struct stacks *stacks, const struct matches *hide) {
    struct frames *frames = &stacks->frames;
    size_t n = 0, start = 0;
    for (uint32_t i = 0; i < stacks->profile->n_locations; i++) {
        size_t end = frames->first[i + 1];
        frames->first[i] = n;
        for (size_t frame = start + pruning_inner_lines(&stacks->pruning, i); frame < end; frame++)
            if (!frame_is_hidden(stacks->profile, hide, i, (uint32_t)(frame - start)))
                frames->line_of[n++] = frames->line_of[frame];
        start = end;
    }
    frames->first[stacks->profile->n_locations] = n;
}

/* Room for the deepest stack. */
static int make_room(struct stacks *stacks) {
    const struct profile *profile = stacks->profile;
    uint64_t deepest = 0, all = 0;
    for (size_t i = 0; i < profile->n_samples; i++) {
        const struct profile_sample *sample = &profile->samples[i];
        uint64_t n = 0;
        for (uint32_t j = 0; j < sample->n_locations; j++)
            n += stacks->frames.first[sample->locations[j] + 1] - stacks->frames.first[sample->locations[j]];
        all += n;
        deepest = n > deepest ? n : deepest;
        if (all > STACKS_FRAMES_MAX)
            return -EFBIG;
    }
    stacks->lines = calloc(deepest + 1, sizeof(*stacks->lines));
    return stacks->lines ? 0 : -ENOMEM;
}

static int apply_filter(struct stacks *stacks, const struct filter *filter) {
    static const struct filter none = {0};
    if (!filter)
        filter = &none;
    struct matches focus = {0}, ignore = {0}, hide = {0};
    int error = match_names(stacks->profile, filter->focus, &focus);
    if (!error)
        error = match_names(stacks->profile, filter->ignore, &ignore);
    if (!error)
        error = match_names(stacks->profile, filter->hide, &hide);
    if (!error)
        error = judge_locations(stacks, &focus, &ignore);
    if (!error)
        keep_visible(stacks, &hide);
    matches_done(&focus);
    matches_done(&ignore);
    matches_done(&hide);
    return error;
}

int stacks_make(const struct profile *profile, const struct filter *filter, struct stacks *ret) {
    struct stacks stacks = {.profile = profile};
    int error = frames_make(profile, &stacks.frames);
    if (!error)
        error = pruning_make(profile, &stacks.pruning);
    if (!error)
        error = apply_filter(&stacks, filter);
    if (!error)
        error = make_room(&stacks);
    if (error)
        stacks_done(&stacks);
    else
        *ret = stacks;
    return error;
}

void stacks_done(struct stacks *stacks) {
    frames_done(&stacks->frames);
    pruning_done(&stacks->pruning);
    free(stacks->verdicts);
    free(stacks->lines);
    *stacks = (struct stacks){0};
}

static bool is_kept(const struct stacks *stacks, const struct profile_sample *sample, uint32_t leaf) {
    uint8_t seen = 0;
    if (!stacks->verdicts)
        return true;
    for (uint32_t i = leaf; i < sample->n_locations; i++)
        seen |= stacks->verdicts[sample->locations[i]];
    return seen == VERDICT_KEEPS;
}

bool stacks_read(struct stacks *stacks, const struct profile_sample *sample) {
    const struct frames *frames = &stacks->frames;
    uint32_t leaf = pruning_leaf(&stacks->pruning, sample);
    stacks->n_lines = 0;
    if (!is_kept(stacks, sample, leaf))
        return false;
    for (uint32_t i = leaf; i < sample->n_locations; i++)
        for (size_t frame = frames->first[sample->locations[i]]; frame < frames->first[sample->locations[i] + 1];
             frame++)
            stacks->lines[stacks->n_lines++] = frames->line_of[frame];
    return true;
}
