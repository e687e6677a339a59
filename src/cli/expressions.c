#include "cli/expressions.h"

#include <errno.h>
#include <stdio.h>

int expression_make(const char *flag, const char *expression, struct focus **ret, char why[OPTIONS_WHY_BYTES]) {
    char reason[300] = "";
    if (!expression)
        return 0;
    int error = focus_new(expression, ret, reason, sizeof reason);
    if (error == -EINVAL)
        snprintf(why, OPTIONS_WHY_BYTES, "%s %s", flag, reason);
    return error;
}
