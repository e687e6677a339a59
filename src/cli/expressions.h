/* Regular expressions given as flags. */
#ifndef PIKO_CLI_EXPRESSIONS_H
#define PIKO_CLI_EXPRESSIONS_H

#include "cli/options.h"
#include "report/focus.h"

/* The value of that flag, NULL = not given: then `ret` stays as it is. 0, -ENOMEM, or -EINVAL with a sentence that names
 * the flag in `why`. */
int expression_make(const char *flag, const char *expression, struct focus **ret, char why[OPTIONS_WHY_BYTES]);

#endif
