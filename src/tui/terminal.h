/* The one place that knows a terminal: puts a grid on it, reads keys, and leaves it as it was, whatever ends the process. */
#ifndef PIKO_TUI_TERMINAL_H
#define PIKO_TUI_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

#include "tui/state.h"

struct tui;

enum tui_key { TUI_NO_KEY, TUI_KEY_QUIT, TUI_KEY_HELP, TUI_KEY_OTHER };

/* Whether standard input and output are a terminal that can show the dashboard. 0, or -ENOTTY with the reason in `why`. */
int tui_check(char *why, size_t why_size);

/* Take the terminal over, which tui_check() has found able. utf8: what it shows, as by the locale. 0, -ENOMEM or another negative errno; once a process at
 * most at a time, and one thread alone may use it. */
int tui_open(bool utf8, struct tui **ret);
/* Give it back. Takes NULL. */
void tui_close(struct tui *tui);

/* Show the state, in the size that the terminal has now. */
void tui_draw(struct tui *tui, const struct tui_state *state);

/* A key that was pressed; never waits. */
enum tui_key tui_key(struct tui *tui);

#endif
