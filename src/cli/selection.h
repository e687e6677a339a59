/* Which samples are looked at, and what rows group them: the flags that `piko report` and `piko diff` share. */
#ifndef PIKO_CLI_SELECTION_H
#define PIKO_CLI_SELECTION_H

#include <stdbool.h>

#include "cli/options.h"
#include "report/stacks.h"
#include "report/table.h"

struct selection {
    const char *focus_expression, *ignore_expression, *hide_expression; /* NULL = none */
    const char *sample_index; /* name or number; NULL = what is shown of each profile */
    bool lines, files;

    /* made from the above by selection_check() */
    struct focus *focus, *ignore, *hide; /* NULL = none */
    enum table_group group;
};

/* 0, -ENOMEM, or -EINVAL with a sentence that names the flag in `why`. Either way freed by selection_done(). */
int selection_check(struct selection *selection, char why[OPTIONS_WHY_BYTES]);
void selection_done(struct selection *selection);

struct filter selection_filter(const struct selection *selection);

#endif
