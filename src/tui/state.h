/* What the dashboard shows, as plain figures: filled by whoever runs the load, drawn by screen.h. */
#ifndef PIKO_TUI_STATE_H
#define PIKO_TUI_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TUI_PHASES_MAX 8u
#define TUI_POINTS_MAX 512u
#define TUI_HOT_MAX 64u
#define TUI_NAME_BYTES 256u
#define TUI_MESSAGES_MAX 64u
#define TUI_MESSAGE_BYTES 256u

enum tui_phase_state { TUI_WAITING, TUI_RUNNING, TUI_DONE, TUI_FAILED };

struct tui_phase {
    const char *name;
    enum tui_phase_state state;
};

/* A figure over time: the last TUI_POINTS_MAX points, oldest first. */
struct tui_series {
    double points[TUI_POINTS_MAX];
    size_t n;
};

struct tui_hot {
    char function[TUI_NAME_BYTES];
    char place[TUI_NAME_BYTES]; /* "buf.c:33"; "" unknown */
    double share;               /* of the whole, 0 to 1 */
};

struct tui_message {
    bool is_error; /* else a warning or news */
    char text[TUI_MESSAGE_BYTES];
};

struct tui_state {
    const char *url, *profiler;
    struct tui_phase phases[TUI_PHASES_MAX];
    size_t n_phases;
    uint64_t elapsed_ns, length_ns;             /* of the run */
    uint64_t phase_elapsed_ns, phase_length_ns; /* of the phase that runs */
    const char *doing;                          /* "warming up"; NULL: the phase is under way */

    struct tui_series rate;       /* requests a second */
    struct tui_series latency_ns; /* mean of the moment */
    struct tui_series threads;    /* of the program */
    bool has_latency;
    uint64_t p50_ns, p80_ns, p99_ns, max_ns; /* of the phase so far */

    uint64_t requests, failures, body_bytes; /* of all phases so far */

    char hot_what[64];  /* what the shares are of: "cpu" */
    char hot_note[128]; /* why there are no rows; "" = rows are on their way */
    struct tui_hot hot[TUI_HOT_MAX];
    size_t n_hot;

    struct tui_message messages[TUI_MESSAGES_MAX]; /* a ring */
    size_t n_messages; /* since the start: the last is at (n_messages - 1) % TUI_MESSAGES_MAX */

    bool help; /* shown in place of functions and messages */
};

void tui_series_add(struct tui_series *series, double point);

/* Add a message: its first line, as far as it has room. */
void tui_state_add_message(struct tui_state *state, bool is_error, const char *text);

#endif
