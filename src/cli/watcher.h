/* A look at the program while a phase runs: how many threads it has and which functions are hot, about once a second, by a
 * thread with a connection of its own. Costs the program a little; only the dashboard asks for it. */
#ifndef PIKO_CLI_WATCHER_H
#define PIKO_CLI_WATCHER_H

#include <stdint.h>

#include "capture/capture.h"
#include "cli/profile_run.h"
#include "report/focus.h"
#include "tui/state.h"

struct watcher;

/* options->stop is not used. focus: rows of matching samples alone, NULL = all; it must outlive the watcher. 0, -ENOMEM or
 * -EAGAIN. */
int watcher_start(const struct capture_options *options, const struct focus *focus, struct watcher **ret);
/* Ends what is under way within 100 ms. Takes NULL. */
void watcher_stop(struct watcher *watcher);

/* From now on look at what this phase captures; NULL: at the threads alone. What was seen so far is forgotten when the phase
 * is another one. */
void watcher_watch(struct watcher *watcher, const struct phase *phase);

/* Put what is hot into the state, and return the number of threads; 0 = unknown. */
uint64_t watcher_look(struct watcher *watcher, struct tui_state *state);

#endif
