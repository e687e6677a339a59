/* What `piko help COMMAND` shows: src/cli/help/COMMAND.txt, with the flags in the place of its line @FLAGS@. */
#ifndef PIKO_CLI_HELP_H
#define PIKO_CLI_HELP_H

#include "cli/options.h"

extern const char help_diff[], help_profile[], help_report[], help_run[];

/* Print one of them. The options' targets hold the defaults. An exit status. */
int help_print(const char *text, const struct option *options, size_t n_options);

#endif
