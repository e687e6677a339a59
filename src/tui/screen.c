#include "tui/screen.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "load/figures.h"
#include "tui/marks.h"

#define LEFT 2u          /* where things begin */
#define INDENT 4u        /* where a message goes on */
#define VALUE_COLUMN 11u /* behind "latency" and the like */
#define MARK_COLUMN 22u
#define HOT_BAR_MAX 24u
#define PHASE_BAR_MAX 40u
#define PHASE_BAR_LEAST 5u
#define LINE 0x2500u /* ─ */

static void draw_rule(struct grid *grid, unsigned row) {
    if (grid->columns > 2)
        grid_fill(grid, row, 1, grid->columns - 2, TUI_DIM, LINE, '-');
}

/* "00:48", "1:02:03". */
static void write_time(uint64_t ns, char ret[16]) {
    unsigned seconds = (unsigned)(ns / NS_PER_S % 360000);
    if (seconds >= 3600)
        snprintf(ret, 16, "%u:%02u:%02u", seconds / 3600, seconds / 60 % 60, seconds % 60);
    else
        snprintf(ret, 16, "%02u:%02u", seconds / 60, seconds % 60);
}

/* Text that ends at the right edge; where it begins. */
static unsigned draw_right(struct grid *grid, unsigned row, enum tui_style style, const char *text) {
    unsigned width = (unsigned)strlen(text), edge = grid->columns - (grid->columns > 0);
    unsigned column = edge > width ? edge - width : 0;
    grid_put(grid, row, column, edge, style, text);
    return column;
}

static void draw_title(struct grid *grid, const struct tui_state *state) {
    char elapsed[16], length[16], both[40];
    write_time(state->elapsed_ns, elapsed);
    write_time(state->length_ns, length);
    snprintf(both, sizeof both, "%s / %s", elapsed, length);
    unsigned end = draw_right(grid, 0, TUI_STRONG, both);
    unsigned column = grid_put(grid, 0, 1, end, TUI_STRONG, "piko profile");
    column = grid_put(grid, 0, column + 2, end > 2 ? end - 2 : 0, TUI_PLAIN, state->url);
    grid_put(grid, 0, column + 3, end > 2 ? end - 2 : 0, TUI_DIM, state->profiler);
}

static uint64_t seconds_left(const struct tui_state *state) {
    if (state->phase_elapsed_ns >= state->phase_length_ns)
        return 0;
    return (state->phase_length_ns - state->phase_elapsed_ns + NS_PER_S - 1) / NS_PER_S;
}

static void write_phase_note(const struct tui_state *state, char ret[64]) {
    if (state->doing)
        snprintf(ret, 64, " %s", state->doing);
    else
        snprintf(ret, 64, " %" PRIu64 " s left", seconds_left(state));
}

/* A bar as wide as the names of the other phases allow. */
static unsigned draw_phase_bar(struct grid *grid, const struct tui_state *state, unsigned column) {
    char note[64];
    unsigned others = 0;
    for (size_t i = 0; i < state->n_phases; i++)
        others += (unsigned)strlen(state->phases[i].name) + 4; /* the mark, and a blank each side */
    write_phase_note(state, note);
    unsigned taken = others + (unsigned)strlen(note) + 3;
    unsigned room = grid->columns > taken ? grid->columns - taken : 0;
    unsigned width = room > PHASE_BAR_MAX ? PHASE_BAR_MAX : room;
    if (width >= PHASE_BAR_LEAST) {
        double share = (double)state->phase_elapsed_ns / (double)(state->phase_length_ns ? state->phase_length_ns : 1);
        column = marks_bar(grid, 1, column + 1, width, share, /* rest= */ true);
    }
    return grid_put(grid, 1, column, grid->columns, TUI_PLAIN, note);
}

static void draw_phases(struct grid *grid, const struct tui_state *state) {
    static const struct {
        const char *mark, *ascii;
        enum tui_style style;
    } looks[] = {
        [TUI_WAITING] = {"○", "o", TUI_DIM},
        [TUI_RUNNING] = {"●", "*", TUI_STRONG},
        [TUI_DONE] = {"✓", "+", TUI_GOOD},
        [TUI_FAILED] = {"✗", "!", TUI_BAD},
    };
    unsigned column = 1;
    for (size_t i = 0; i < state->n_phases; i++) {
        const struct tui_phase *phase = &state->phases[i];
        column = grid_printf(grid, 1, column, grid->columns, looks[phase->state].style, "%s %s",
                             grid->utf8 ? looks[phase->state].mark : looks[phase->state].ascii, phase->name);
        if (phase->state == TUI_RUNNING)
            column = draw_phase_bar(grid, state, column);
        column += 2;
    }
}

static void draw_series(struct grid *grid, unsigned row, const char *label, const char *value,
                        const struct tui_series *series) {
    grid_put(grid, row, LEFT, VALUE_COLUMN, TUI_DIM, label);
    grid_put(grid, row, VALUE_COLUMN, MARK_COLUMN, TUI_STRONG, value);
    if (grid->columns > MARK_COLUMN + 1)
        marks_spark(grid, row, MARK_COLUMN, grid->columns - MARK_COLUMN - 1, series);
}

static double newest(const struct tui_series *series) {
    return series->n ? series->points[series->n - 1] : 0;
}

static void draw_percentiles(struct grid *grid, unsigned row, const struct tui_state *state) {
    const struct {
        const char *name;
        uint64_t ns;
    } percentiles[] = {{"p50", state->p50_ns}, {"p80", state->p80_ns}, {"p99", state->p99_ns}, {"p100", state->max_ns}};
    unsigned column = VALUE_COLUMN;
    if (!state->has_latency)
        return;
    for (size_t i = 0; i < sizeof percentiles / sizeof *percentiles; i++) {
        column = grid_put(grid, row, column, grid->columns, TUI_DIM, percentiles[i].name);
        column = grid_printf(grid, row, column + 1, grid->columns, TUI_PLAIN, "%-8s",
                             figure_latency(percentiles[i].ns).text);
    }
}

static void draw_load(struct grid *grid, const struct tui_state *state) {
    const struct tui_series *rate = &state->rate, *latency = &state->latency_ns, *threads = &state->threads;
    draw_series(grid, 3, "req/s", rate->n ? figure_count((uint64_t)newest(rate)).text : "-", rate);
    draw_series(grid, 4, "latency", latency->n ? figure_latency((uint64_t)newest(latency)).text : "-", latency);
    draw_percentiles(grid, 5, state);
    draw_series(grid, 6, "threads", threads->n ? figure_count((uint64_t)newest(threads)).text : "-", threads);
}

/* "function   place   ████  38.1 %": the name gets what is left. */
static void draw_hot_row(struct grid *grid, unsigned row, const struct tui_hot *hot, double largest) {
    unsigned columns = grid->columns, bar = columns / 4 < HOT_BAR_MAX ? columns / 4 : HOT_BAR_MAX;
    unsigned share_at = columns > 9 ? columns - 9 : 0, bar_at = share_at > bar + 1 ? share_at - bar - 1 : 0;
    unsigned place = columns >= 60 ? columns / 4 : 0;
    unsigned place_at = bar_at > place + LEFT ? bar_at - place : LEFT;
    grid_put(grid, row, LEFT, place_at - 1, TUI_PLAIN, hot->function);
    if (place)
        grid_put(grid, row, place_at, bar_at - 1, TUI_DIM, hot->place);
    marks_bar(grid, row, bar_at, bar, largest > 0 ? hot->share / largest : 0, /* rest= */ false);
    grid_printf(grid, row, share_at, columns, TUI_PLAIN, "%6.1f %%", 100 * hot->share);
}

static void draw_hot(struct grid *grid, unsigned row, unsigned end, const struct tui_state *state) {
    grid_put(grid, row, LEFT, grid->columns, TUI_STRONG, "hot now");
    if (state->hot_what[0])
        draw_right(grid, row, TUI_DIM, state->hot_what);
    if (row + 1 < end && !state->n_hot)
        grid_put(grid, row + 1, LEFT, grid->columns, TUI_DIM, state->hot_note[0] ? state->hot_note : "no samples yet");
    for (size_t i = 0; i < state->n_hot && row + 1 + i < end; i++)
        draw_hot_row(grid, row + 1 + (unsigned)i, &state->hot[i], state->hot[0].share);
}

/* In how many rows: text goes on in the next one, a little further right. */
static unsigned message_rows(const struct grid *grid, const struct tui_message *message) {
    unsigned rows = 0, columns = grid->columns > INDENT + 1 ? grid->columns - INDENT - 1 : 1;
    for (const char *text = message->text; *text; rows++)
        text += grid_line_bytes(grid, columns, text);
    return rows;
}

/* Returns the row behind it. */
static unsigned draw_message(struct grid *grid, unsigned row, unsigned end, const struct tui_message *message) {
    unsigned columns = grid->columns > INDENT + 1 ? grid->columns - INDENT - 1 : 1;
    for (const char *text = message->text; *text && row < end; row++) {
        size_t bytes = grid_line_bytes(grid, columns, text);
        grid_printf(grid, row, text == message->text ? LEFT : INDENT, grid->columns,
                    message->is_error ? TUI_BAD : TUI_PLAIN, "%.*s", (int)bytes, text);
        text += bytes;
    }
    return row;
}

static const struct tui_message *newest_message(const struct tui_state *state, size_t nth) {
    return &state->messages[(state->n_messages - 1 - nth) % TUI_MESSAGES_MAX];
}

/* How many of the newest messages find room in so many rows, and which rows they take: the newest in any case. */
static size_t count_messages(const struct grid *grid, const struct tui_state *state, unsigned room,
                             unsigned *ret_rows) {
    size_t kept = state->n_messages < TUI_MESSAGES_MAX ? state->n_messages : TUI_MESSAGES_MAX, n = 0;
    *ret_rows = 0;
    for (; n < kept; n++) {
        unsigned rows = *ret_rows + message_rows(grid, newest_message(state, n));
        if (n && rows > room)
            break;
        *ret_rows = rows < room ? rows : room;
    }
    return n;
}

/* The newest at the bottom. */
static void draw_messages(struct grid *grid, unsigned row, unsigned end, const struct tui_state *state) {
    unsigned rows;
    size_t n = count_messages(grid, state, end > row + 2 ? end - row - 2 : 0, &rows);
    draw_rule(grid, row);
    grid_printf(grid, row + 1, LEFT, grid->columns, TUI_STRONG, "errors and warnings: %zu", state->n_messages);
    for (row += 2; n > 0; n--)
        row = draw_message(grid, row, end, newest_message(state, n - 1));
}

static void draw_help(struct grid *grid, unsigned row, unsigned end) {
    static const char *const lines[] = {
        "q        end early: what is there is written and reported (exit status 3)",
        "?        this help; again, or any other key: back",
        "Ctrl-C   stop at once: finished phases are reported",
        "",
        "req/s    answered requests a second, and how they went",
        "latency  mean of the moment; below it those of the phase so far",
        "threads  of the profiled program",
        "hot now  functions with the largest share of the phase so far",
        "phases   ○ to come, ● running, ✓ done, ✗ something failed",
    };
    static const char ascii_phases[] = "phases   o to come, * running, + done, ! something failed";
    size_t n = sizeof lines / sizeof *lines;
    grid_put(grid, row, LEFT, grid->columns, TUI_STRONG, "help");
    for (size_t i = 0; i < n && row + 1 + i < end; i++)
        grid_put(grid, row + 1 + (unsigned)i, LEFT, grid->columns, TUI_PLAIN,
                 i + 1 == n && !grid->utf8 ? ascii_phases : lines[i]);
}

/* The largest unit that leaves a figure of at least 1. */
static void write_bytes(uint64_t bytes, char ret[32]) {
    static const char *const units[] = {"B", "KB", "MB", "GB", "TB", "PB", "EB"};
    unsigned unit = 0;
    for (uint64_t rest = bytes; rest >= 1024; rest >>= 10)
        unit++;
    double value = (double)bytes / (double)(1ull << 10 * unit);
    snprintf(ret, 32, "%.*f %s", unit && value < 9.95 ? 1 : 0, value, units[unit]);
}

static void draw_totals(struct grid *grid, unsigned row, const struct tui_state *state) {
    char bytes[32];
    write_bytes(state->body_bytes, bytes);
    unsigned end = draw_right(grid, row, TUI_DIM, "q quit  ? help");
    unsigned column = grid_printf(grid, row, LEFT, end, TUI_PLAIN, "requests %s", figure_count(state->requests).text);
    column = grid_printf(grid, row, column + 3, end, state->failures ? TUI_BAD : TUI_PLAIN, "failed %s",
                         figure_count(state->failures).text);
    grid_printf(grid, row, column + 3, end, TUI_PLAIN, "received %s", bytes);
}

/* Messages get a third of what is between load and totals, and no more than they need. */
static unsigned messages_row(const struct grid *grid, const struct tui_state *state, unsigned row, unsigned end) {
    unsigned room = end > row ? end - row : 0, most = room / 3 > 3 ? room / 3 : 3, rows;
    if (!count_messages(grid, state, most - 2, &rows) || rows + 5 > room)
        return end;
    return end - rows - 2;
}

void screen_draw(struct grid *grid, const struct tui_state *state) {
    unsigned totals = grid->rows > 8 ? grid->rows - 1 : grid->rows, body = 8;
    grid_clear(grid);
    if (grid->rows == 0 || grid->columns == 0)
        return;
    draw_title(grid, state);
    draw_phases(grid, state);
    draw_rule(grid, 2);
    draw_load(grid, state);
    draw_rule(grid, 7);
    if (state->help) {
        draw_help(grid, body, totals);
    } else {
        unsigned messages = messages_row(grid, state, body, totals);
        draw_hot(grid, body, messages, state);
        if (messages < totals)
            draw_messages(grid, messages, totals, state);
    }
    draw_totals(grid, totals, state);
}
