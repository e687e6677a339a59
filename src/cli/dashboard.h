/* `piko profile --tui`: what the run does, told to the dashboard's screen. */
#ifndef PIKO_CLI_DASHBOARD_H
#define PIKO_CLI_DASHBOARD_H

#include <stdbool.h>

#include "cli/profile_run.h"
#include "cli/progress.h"

struct dashboard;

/* Take the terminal over, from tui_check()'s word on. The run must outlive it. 0 or a negative errno. */
int dashboard_open(const struct profile_run *run, struct dashboard **ret);
/* Give it back. Takes NULL. */
void dashboard_close(struct dashboard *dashboard);

/* Show the phase that runs as it stands, and take keys. */
void dashboard_update(struct dashboard *dashboard, const struct progress_line *line);

/* A phase has ended; with its figures, NULL = none. */
void dashboard_end_phase(struct dashboard *dashboard, const char *phase, bool failed, const struct load_stats *stats);

/* An error or a warning, for its pane. */
void dashboard_add_message(struct dashboard *dashboard, const char *text);

/* Whether "q" was pressed. */
bool dashboard_quits(const struct dashboard *dashboard);

#endif
