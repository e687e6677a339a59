#include "tui/state.h"

#include <stdio.h>
#include <string.h>

void tui_series_add(struct tui_series *series, double point) {
    if (series->n == TUI_POINTS_MAX)
        memmove(series->points, series->points + 1, --series->n * sizeof series->points[0]);
    series->points[series->n++] = point;
}

void tui_state_add_message(struct tui_state *state, bool is_error, const char *text) {
    struct tui_message *message = &state->messages[state->n_messages++ % TUI_MESSAGES_MAX];
    message->is_error = is_error;
    snprintf(message->text, sizeof message->text, "%.*s", (int)strcspn(text, "\n"), text);
}
