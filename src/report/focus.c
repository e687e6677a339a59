#include "report/focus.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "report/pattern.h"

struct focus {
    char *expression;
    struct pattern *pattern;
};

int focus_new(const char *expression, struct focus **ret, char *why, size_t why_size) {
    struct focus *focus = calloc(1, sizeof(*focus));
    if (!focus)
        return -ENOMEM;
    focus->expression = strdup(expression);
    int error = focus->expression ? pattern_new(expression, &focus->pattern, why, why_size) : -ENOMEM;
    if (error) {
        focus_free(focus);
        return error;
    }
    *ret = focus;
    return 0;
}

void focus_free(struct focus *focus) {
    if (!focus)
        return;
    pattern_free(focus->pattern);
    free(focus->expression);
    free(focus);
}

const char *focus_expression(const struct focus *focus) {
    return focus->expression;
}

uint64_t focus_overruns(const struct focus *focus) {
    return pattern_overruns(focus->pattern);
}

bool focus_matches(const struct focus *focus, const char *name) {
    return pattern_matches(focus->pattern, name, strlen(name));
}

static bool location_matches(const struct focus *focus, const struct profile *profile,
                             const struct profile_location *location) {
    for (uint32_t i = 0; i < location->n_lines; i++) {
        const struct profile_function *function = &profile->functions[location->lines[i].function];
        if (focus_matches(focus, function->name) || focus_matches(focus, function->filename))
            return true;
    }
    return location->mapping != PROFILE_NONE && focus_matches(focus, profile->mappings[location->mapping].file);
}

bool focus_keeps(const struct focus *focus, const struct profile *profile, const struct profile_sample *sample) {
    if (!focus)
        return true;
    for (uint32_t i = 0; i < sample->n_locations; i++)
        if (location_matches(focus, profile, &profile->locations[sample->locations[i]]))
            return true;
    return false;
}
