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
