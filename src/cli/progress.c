#include "cli/progress.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "cli/dashboard.h"
#include "cli/terminal.h"
#include "load/figures.h"

#define BAR_CELLS_MAX 30u
#define BAR_CELLS_LEAST 5u
#define NAME_CELLS 12u /* "  baseline  " */
#define NOTE_CELLS 21u /* "  reading the profile" */

#define COLOR_BAR "\033[36m"
#define COLOR_BAD "\033[31m"
#define COLOR_OFF "\033[0m"
#define ERASE_LINE "\r\033[K"

/* A finished line on a terminal stands among running ones, and lines up with them. */
enum moment { RUNNING, FINISHED_LIVE, FINISHED };

struct held {
    FILE *file;
    char *text;
};

void progress_init(struct progress *progress, FILE *out) {
    const char *no_color = getenv("NO_COLOR");
    bool able = terminal_is_able(out);
    *progress = (struct progress){
        .out = out,
        .live = able,
        .color = able && !(no_color && *no_color),
        .blocks = able && terminal_is_utf8(),
    };
}

void progress_hold(struct progress *progress, struct dashboard *dashboard) {
    progress->dashboard = dashboard;
}

void progress_release(struct progress *progress) {
    progress->dashboard = NULL;
    for (size_t i = 0; i < progress->n_held; i++) {
        fputs(progress->held[i].text, progress->held[i].file);
        fflush(progress->held[i].file); /* in the order in which it was said */
        free(progress->held[i].text);
    }
    free(progress->held);
    progress->held = NULL;
    progress->n_held = 0;
}

/* Print now or later. What there is no memory to hold is lost. */
static void emit(struct progress *progress, FILE *file, const char *text) {
    if (!text)
        return;
    if (!progress->dashboard) {
        fputs(text, file);
        return;
    }
    struct held *held = reallocarray(progress->held, progress->n_held + 1, sizeof *held);
    if (!held)
        return;
    progress->held = held;
    held[progress->n_held] = (struct held){file, strdup(text)};
    progress->n_held += held[progress->n_held].text != NULL;
}

static uint64_t seconds_left(const struct progress_line *line) {
    if (line->elapsed_ns >= line->length_ns)
        return 0;
    return (line->length_ns - line->elapsed_ns + NS_PER_S - 1) / NS_PER_S;
}

/* "  11 s left   40,870 req/s  p50 2.10ms  p99 5.90ms": ASCII, so a byte is a cell. */
static void add_figures(const struct progress_line *line, enum moment moment, struct buffer *text) {
    uint64_t seconds = moment == RUNNING ? seconds_left(line) : line->length_ns / NS_PER_S;
    static const char *const after[] = {[RUNNING] = " left", [FINISHED_LIVE] = "     ", [FINISHED] = ""};
    buffer_printf(text, "%4" PRIu64 " s%s", seconds, after[moment]);
    if (!line->stats || line->stats->elapsed_ns == 0)
        return;
    double per_second = (double)line->stats->requests * (double)NS_PER_S / (double)line->stats->elapsed_ns;
    buffer_printf(text, "  %7s req/s", figure_count((uint64_t)per_second).text);
    if (line->stats->requests == 0)
        return;
    buffer_printf(text, "  p50 %6s  p99 %6s", figure_latency(histogram_percentile_ns(line->stats->latency, 50)).text,
                  figure_latency(histogram_percentile_ns(line->stats->latency, 99)).text);
}

static void add_failed(const struct progress_line *line, struct buffer *text) {
    if (line->stats && line->stats->elapsed_ns > 0)
        buffer_printf(text, "  %s failed", figure_count(load_stats_failures(line->stats)).text);
}

static void add_note(const struct progress_line *line, struct buffer *text) {
    if (line->note)
        buffer_printf(text, "  %s", line->note);
}

static void add_bar(const struct progress *progress, const struct progress_line *line, size_t cells,
                    struct buffer *screen) {
    size_t full = cells;
    if (line->length_ns > 0 && line->elapsed_ns < line->length_ns)
        full = (size_t)((double)cells * (double)line->elapsed_ns / (double)line->length_ns);
    if (progress->color)
        buffer_add_string(screen, COLOR_BAR);
    for (size_t i = 0; i < cells; i++)
        buffer_add_string(screen, progress->blocks ? (i < full ? "█" : "░") : (i < full ? "#" : "."));
    if (progress->color)
        buffer_add_string(screen, COLOR_OFF);
}

/* Append what fits of the text and return how many cells are left. */
static size_t add_cut(struct buffer *screen, const struct buffer *text, size_t cells) {
    size_t shown = text->size < cells ? text->size : cells;
    buffer_add(screen, text->data, shown);
    return cells - shown;
}

/* The bar takes what the text leaves of the line, in steps of five so that it does not twitch with the figures. */
static size_t bar_cells(size_t room) {
    if (room >= NOTE_CELLS + BAR_CELLS_LEAST)
        room -= NOTE_CELLS;
    return room > BAR_CELLS_MAX ? BAR_CELLS_MAX : room - room % BAR_CELLS_LEAST;
}

static void draw(struct progress *progress, const struct progress_line *line, enum moment moment) {
    _cleanup_buffer_ struct buffer figures = BUFFER_INIT(1024), failed = BUFFER_INIT(1024), note = BUFFER_INIT(1024);
    _cleanup_buffer_ struct buffer screen = BUFFER_INIT(8192);
    add_figures(line, moment, &figures);
    add_failed(line, &failed);
    add_note(line, &note);
    size_t left = terminal_columns(progress->out) - 1, taken = NAME_CELLS + figures.size + failed.size;
    size_t bar = left > taken ? bar_cells(left - taken) : 0;

    buffer_printf(&screen, ERASE_LINE "  %-*s", (int)NAME_CELLS - 2, line->phase);
    if (bar > 0)
        add_bar(progress, line, bar, &screen);
    if (moment == FINISHED_LIVE)
        left = SIZE_MAX; /* it is not rewritten: let it wrap rather than lose its end */
    left -= left < NAME_CELLS + bar ? left : NAME_CELLS + bar;
    left = add_cut(&screen, &figures, left);
    bool bad = progress->color && line->stats && load_stats_failures(line->stats) > 0;
    buffer_add_string(&screen, bad ? COLOR_BAD : "");
    left = add_cut(&screen, &failed, left);
    buffer_add_string(&screen, bad ? COLOR_OFF : "");
    if (note.size <= left)
        add_cut(&screen, &note, left);
    emit(progress, progress->out, screen.data);
    progress->drawn = true;
}

static void take_away(struct progress *progress) {
    if (progress->drawn && !progress->dashboard)
        fputs(ERASE_LINE, progress->out);
    progress->drawn = false;
    fflush(progress->out);
}

void progress_update(struct progress *progress, const struct progress_line *line) {
    if (progress->dashboard) {
        dashboard_update(progress->dashboard, line);
        return;
    }
    if (!progress->live)
        return;
    draw(progress, line, RUNNING);
    fflush(progress->out);
}

static void print_plain(struct progress *progress, const struct progress_line *line) {
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(1024);
    add_figures(line, FINISHED, &text);
    add_failed(line, &text);
    add_note(line, &text);
    _cleanup_buffer_ struct buffer whole = BUFFER_INIT(1024);
    buffer_printf(&whole, "  %-*s%s", (int)NAME_CELLS - 2, line->phase, text.data ? text.data : "");
    emit(progress, progress->out, whole.data);
}

void progress_finish(struct progress *progress, const struct progress_line *line) {
    if (progress->live)
        draw(progress, line, FINISHED_LIVE);
    else
        print_plain(progress, line);
    emit(progress, progress->out, "\n");
    progress->drawn = false;
    fflush(progress->out);
}

void progress_end_phase(struct progress *progress, const char *phase, bool failed, const struct load_stats *stats) {
    if (progress->dashboard)
        dashboard_end_phase(progress->dashboard, phase, failed, stats);
}

static void print_line(struct progress *progress, FILE *file, const char *format, va_list arguments)
    __attribute__((format(printf, 3, 0)));

static void print_line(struct progress *progress, FILE *file, const char *format, va_list arguments) {
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(0);
    take_away(progress);
    buffer_vprintf(&text, format, arguments);
    if (file == stderr && progress->dashboard && text.data)
        dashboard_add_message(progress->dashboard, text.data);
    buffer_add_string(&text, "\n");
    emit(progress, file, text.data);
    fflush(file);
}

void progress_print(struct progress *progress, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    print_line(progress, progress->out, format, arguments);
    va_end(arguments);
}

void progress_complain(struct progress *progress, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    print_line(progress, stderr, format, arguments);
    va_end(arguments);
}
