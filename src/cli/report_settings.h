/* What `piko report` was asked for: its flags, their checks, its help. */
#ifndef PIKO_CLI_REPORT_SETTINGS_H
#define PIKO_CLI_REPORT_SETTINGS_H

#include <stdbool.h>

#include "cli/options.h"
#include "cli/selection.h"
#include "report/report.h"

struct report_settings {
    unsigned top; /* rows of a table; 0 = all */
    struct selection selection;
    const char *peek_expression;
    const char *html; /* file to write the page to; NULL = the run's folder, if it is one */
    bool tree, json, help;

    /* made from the above */
    struct option_list paths;
    struct focus *peek; /* NULL: none */
};

/* From the words after `piko report`. With --help nothing is checked but the flags themselves. Either way `ret` is freed
 * by report_settings_done(). 0, -ENOMEM, or -EINVAL with a sentence that names the flag in `why`. */
int report_settings_parse(int argc, char *const *argv, struct report_settings *ret, char why[OPTIONS_WHY_BYTES]);
void report_settings_done(struct report_settings *settings);

/* Print the help of `piko report`. An exit status. */
int report_settings_help(void);

#endif
