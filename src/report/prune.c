#include "report/prune.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "report/pattern.h"

enum pruning_cut {
    CUT_NOTHING,
    CUT_BENEATH, /* the location stays, what it called goes */
    CUT_WHOLE    /* it goes as well */
};

/* Length of a function's name without its parameters: up to the first "(" that is no part of the name itself. */
static size_t simplified_length(const char *name) {
    static const char anonymous[] = "(anonymous namespace)", call[] = "operator()";
    const char *at = name;
    while (*at) {
        if (strncmp(at, anonymous, sizeof(anonymous) - 1) == 0)
            at += sizeof(anonymous) - 1;
        else if (strncmp(at, call, sizeof(call) - 1) == 0)
            at += sizeof(call) - 1;
        else if (*at == '(')
            break;
        else
            at++;
    }
    return (size_t)(at - name);
}

static bool is_dropped(struct pattern *drop, struct pattern *keep, const char *name) {
    if (name[0] == '\0')
        return false;
    if (name[0] == '.') /* function descriptors of PowerPC */
        name++;
    size_t length = simplified_length(name);
    return pattern_matches(drop, name, length) && !(keep && pattern_matches(keep, name, length));
}

/* Anchored as pprof does it, so that alternatives on top level mean the same as there. */
static int anchored_pattern(const char *expression, struct pattern **ret) {
    _cleanup_free_ char *anchored = NULL;
    if (asprintf(&anchored, "^(%s)$", expression) < 0) {
        anchored = NULL;
        return -ENOMEM;
    }
    return pattern_new(anchored, ret, NULL, 0);
}

static void cut_location(struct pruning *pruning, const struct profile *profile, const bool *dropped, uint32_t index) {
    const struct profile_location *location = &profile->locations[index];
    uint32_t outermost = location->n_lines;
    for (uint32_t n = outermost; n > 0; n--) {
        if (!dropped[location->lines[n - 1].function])
            continue;
        pruning->cut[index] = n == outermost ? CUT_WHOLE : CUT_BENEATH;
        pruning->n_inner[index] = n == outermost ? 0 : n;
        return;
    }
}

static int cut_locations(struct pruning *pruning, const struct profile *profile, struct pattern *drop,
                         struct pattern *keep) {
    _cleanup_free_ bool *dropped = calloc((size_t)profile->n_functions + 1, sizeof(*dropped));
    pruning->n_inner = calloc((size_t)profile->n_locations + 1, sizeof(*pruning->n_inner));
    pruning->cut = calloc((size_t)profile->n_locations + 1, sizeof(*pruning->cut));
    if (!dropped || !pruning->n_inner || !pruning->cut) {
        pruning_done(pruning);
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < profile->n_functions; i++)
        dropped[i] = is_dropped(drop, keep, profile->functions[i].name);
    for (uint32_t i = 0; i < profile->n_locations; i++)
        cut_location(pruning, profile, dropped, i);
    return 0;
}

int pruning_make(const struct profile *profile, struct pruning *ret) {
    struct pruning pruning = {0};
    struct pattern *drop = NULL, *keep = NULL;
    int error = 0;
    if (profile->drop_frames && profile->drop_frames[0])
        error = anchored_pattern(profile->drop_frames, &drop);
    if (drop && profile->keep_frames && profile->keep_frames[0])
        error = anchored_pattern(profile->keep_frames, &keep);
    if (drop && !error)
        error = cut_locations(&pruning, profile, drop, keep);
    pattern_free(drop);
    pattern_free(keep);
    if (error == -EINVAL)
        error = 0;
    if (!error)
        *ret = pruning;
    return error;
}

void pruning_done(struct pruning *pruning) {
    free(pruning->n_inner);
    free(pruning->cut);
    *pruning = (struct pruning){0};
}

uint32_t pruning_inner_lines(const struct pruning *pruning, uint32_t location) {
    return pruning->n_inner ? pruning->n_inner[location] : 0;
}

uint32_t pruning_leaf(const struct pruning *pruning, const struct profile_sample *sample) {
    if (!pruning->cut)
        return 0;
    bool below_ordinary = false;
    for (uint32_t n = sample->n_locations; n > 0; n--) {
        uint8_t cut = pruning->cut[sample->locations[n - 1]];
        if (cut == CUT_NOTHING)
            below_ordinary = true;
        else if (below_ordinary)
            return cut == CUT_WHOLE ? n : n - 1;
    }
    return 0;
}
