/* What `piko diff` was asked for: its flags, their checks, its help. */
#ifndef PIKO_CLI_DIFF_SETTINGS_H
#define PIKO_CLI_DIFF_SETTINGS_H

#include <stdbool.h>

#include "cli/options.h"
#include "cli/selection.h"
#include "report/diff.h"

struct diff_settings {
    unsigned top; /* rows of a table; 0 = all */
    struct selection selection;
    const char *per_name; /* what values are divided by */
    const char *html;     /* file to write the page to; NULL = none */
    bool cum, json, help;

    /* made from the above */
    struct option_list paths; /* two of them: before, after */
    enum diff_per per;
};

/* From the words after `piko diff`. With --help nothing is checked but the flags themselves. Either way `ret` is freed by
 * diff_settings_done(). 0, -ENOMEM, or -EINVAL with a sentence that names the flag in `why`. */
int diff_settings_parse(int argc, char *const *argv, struct diff_settings *ret, char why[OPTIONS_WHY_BYTES]);
void diff_settings_done(struct diff_settings *settings);

/* Print the help of `piko diff`. An exit status. */
int diff_settings_help(void);

#endif
