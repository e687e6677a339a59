#include "cli/selection.h"

#include <errno.h>
#include <stdio.h>

#include "cli/expressions.h"

int selection_check(struct selection *selection, char why[OPTIONS_WHY_BYTES]) {
    if (selection->lines && selection->files) {
        snprintf(why, OPTIONS_WHY_BYTES, "--lines and --files exclude each other");
        return -EINVAL;
    }
    selection->group = selection->lines   ? TABLE_BY_LINE
                       : selection->files ? TABLE_BY_FUNCTION_IN_FILE
                                          : TABLE_BY_FUNCTION;
    int error = expression_make("--focus", selection->focus_expression, &selection->focus, why);
    if (!error)
        error = expression_make("--ignore", selection->ignore_expression, &selection->ignore, why);
    if (!error)
        error = expression_make("--hide", selection->hide_expression, &selection->hide, why);
    return error;
}

void selection_done(struct selection *selection) {
    focus_free(selection->focus);
    focus_free(selection->ignore);
    focus_free(selection->hide);
    *selection = (struct selection){0};
}

struct filter selection_filter(const struct selection *selection) {
    return (struct filter){.focus = selection->focus, .ignore = selection->ignore, .hide = selection->hide};
}
