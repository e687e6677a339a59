/* What `piko profile` was asked for: its flags, their checks, its help. */
#ifndef PIKO_CLI_PROFILE_SETTINGS_H
#define PIKO_CLI_PROFILE_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/load_settings.h"
#include "cli/options.h"
#include "report/focus.h"

#define DURATION_RECOMMENDED_S 30u

struct profile_settings {
    struct load_settings load;
    unsigned pprof_port;
    unsigned duration_s;  /* of a phase */
    unsigned cpu_rate_hz; /* 0: the server's own */
    unsigned top;         /* rows of a table; 0 = all */
    const char *output;
    const char *pprof_url;                /* NULL: beside the application, at pprof_port */
    const char *pprof_unix, *pprof_token; /* NULL: none */
    const char *phase_list, *warmup;
    const char *focus_expression;
    bool tui;
    bool help;

    /* made from the above */
    struct focus *focus; /* NULL: everything */
    char *profiler_base;
    char *profiler_prefix; /* NULL: to be found */
    unsigned phases;       /* a bit for each of phases[] that is to run */
    uint64_t warmup_ns;
};

/* From the words after `piko profile`. With --help nothing is checked but the flags themselves. Either way `ret` is freed
 * by profile_settings_done(). 0, -ENOMEM, or -EINVAL with a sentence that names flag or address in `why`. */
int profile_settings_parse(int argc, char *const *argv, struct profile_settings *ret, char why[OPTIONS_WHY_BYTES]);
void profile_settings_done(struct profile_settings *settings);

/* Print the help of `piko profile`. An exit status. */
int profile_settings_help(void);

#endif
