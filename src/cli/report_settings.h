/* What `piko report` was asked for: its flags, their checks, its help. */
#ifndef PIKO_CLI_REPORT_SETTINGS_H
#define PIKO_CLI_REPORT_SETTINGS_H

#include <stdbool.h>

#include "cli/options.h"
#include "report/report.h"

struct report_settings {
    unsigned top; /* rows of a table; 0 = all */
    const char *focus_expression, *ignore_expression, *hide_expression, *peek_expression;
    const char *sample_index; /* name or number; NULL = the tables that belong to the profile */
    const char *html;         /* file to write the page to; NULL = the run's folder, if it is one */
    bool lines, files, tree, json, help;

    /* made from the above */
    struct option_list paths;
    struct focus *focus, *ignore, *hide, *peek; /* NULL: none */
    enum table_group group;
};

/* From the words after `piko report`. With --help nothing is checked but the flags themselves. Either way `ret` is freed
 * by report_settings_done(). 0, -ENOMEM, or -EINVAL with a sentence that names the flag in `why`. */
int report_settings_parse(int argc, char *const *argv, struct report_settings *ret, char why[OPTIONS_WHY_BYTES]);
void report_settings_done(struct report_settings *settings);

/* Print the help of `piko report`. An exit status. */
int report_settings_help(void);

#endif
