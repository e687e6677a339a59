#include "cli/dashboard.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/terminal.h"
#include "cli/watcher.h"
#include "tui/terminal.h"

#define POINT_NS (NS_PER_S / 2) /* from one point of the series to the next */

/* Cumulative figures of a phase, as they were at its last point. */
struct mark {
    uint64_t elapsed_ns, requests, latencies, latency_sum_ns;
};

struct dashboard {
    struct tui *tui;
    struct watcher *watcher;
    struct tui_state state;
    uint64_t started_ns, point_ns;
    struct mark mark;
    uint64_t requests, failures, body_bytes; /* of the phases that have ended */
    bool quits;
};

static void describe_run(struct dashboard *dashboard, const struct profile_run *run) {
    struct tui_state *state = &dashboard->state;
    state->url = run->settings->load.urls[0];
    state->profiler = capture_index_url(run->capture);
    for (size_t i = 0; i < N_PHASES; i++)
        if (run->settings->phases & 1u << i)
            state->phases[state->n_phases++].name = phases[i].name;
    state->length_ns = run->n_wanted * (run->settings->warmup_ns + run->settings->duration_s * NS_PER_S);
    for (size_t i = 0; i < run->n_warnings; i++)
        tui_state_add_message(state, /* is_error= */ false, run->warnings[i]);
}

int dashboard_open(const struct profile_run *run, struct dashboard **ret) {
    struct dashboard *dashboard = calloc(1, sizeof *dashboard);
    if (!dashboard)
        return -ENOMEM;
    describe_run(dashboard, run);
    /* The terminal before the thread: taking it over forks. */
    int error = tui_open(terminal_is_utf8(), &dashboard->tui);
    if (!error)
        error = watcher_start(&run->profiler, run->settings->focus, &dashboard->watcher);
    if (error) {
        dashboard_close(dashboard);
        return error;
    }
    dashboard->started_ns = clock_monotonic_ns();
    *ret = dashboard;
    return 0;
}

void dashboard_close(struct dashboard *dashboard) {
    if (!dashboard)
        return;
    tui_close(dashboard->tui);
    watcher_stop(dashboard->watcher);
    free(dashboard);
}

static const struct phase *find_phase(const char *name) {
    for (size_t i = 0; i < N_PHASES; i++)
        if (!strcmp(phases[i].name, name))
            return &phases[i];
    return NULL;
}

static struct tui_phase *shown_phase(struct dashboard *dashboard, const char *name) {
    struct tui_state *state = &dashboard->state;
    for (size_t i = 0; i < state->n_phases; i++)
        if (!strcmp(state->phases[i].name, name))
            return &state->phases[i];
    return &state->phases[0];
}

/* What happened since the last point. */
static void add_point(struct dashboard *dashboard, const struct load_stats *stats, uint64_t threads) {
    struct tui_state *state = &dashboard->state;
    const struct mark *before = &dashboard->mark;
    struct mark now = {stats->elapsed_ns, stats->requests, histogram_count(stats->latency),
                       histogram_sum_ns(stats->latency)};
    if (now.elapsed_ns - before->elapsed_ns < POINT_NS)
        return;
    uint64_t latencies = now.latencies - before->latencies;
    tui_series_add(&state->rate, (double)(now.requests - before->requests) * (double)NS_PER_S /
                                     (double)(now.elapsed_ns - before->elapsed_ns));
    tui_series_add(&state->latency_ns,
                   latencies ? (double)(now.latency_sum_ns - before->latency_sum_ns) / (double)latencies : 0);
    if (threads)
        tui_series_add(&state->threads, (double)threads);
    dashboard->mark = now;
}

static void show_load(struct dashboard *dashboard, const struct load_stats *stats, uint64_t threads) {
    struct tui_state *state = &dashboard->state;
    add_point(dashboard, stats, threads);
    state->requests = dashboard->requests + stats->requests;
    state->failures = dashboard->failures + load_stats_failures(stats);
    state->body_bytes = dashboard->body_bytes + stats->body_bytes;
    state->has_latency = histogram_count(stats->latency) > 0;
    state->p50_ns = histogram_percentile_ns(stats->latency, 50);
    state->p80_ns = histogram_percentile_ns(stats->latency, 80);
    state->p99_ns = histogram_percentile_ns(stats->latency, 99);
    state->max_ns = histogram_percentile_ns(stats->latency, 100);
}

static void take_keys(struct dashboard *dashboard) {
    for (enum tui_key key; (key = tui_key(dashboard->tui)) != TUI_NO_KEY;) {
        dashboard->quits |= key == TUI_KEY_QUIT;
        dashboard->state.help = key == TUI_KEY_HELP && !dashboard->state.help;
    }
}

void dashboard_update(struct dashboard *dashboard, const struct progress_line *line) {
    struct tui_state *state = &dashboard->state;
    const struct phase *phase = find_phase(line->phase);
    bool under_way = line->stats != NULL;
    take_keys(dashboard);
    watcher_watch(dashboard->watcher, under_way ? phase : NULL);
    uint64_t threads = watcher_look(dashboard->watcher, state);
    if (!phase || !phase->endpoint)
        strcpy(state->hot_note, "the baseline is the load alone: nothing is captured");
    shown_phase(dashboard, line->phase)->state = TUI_RUNNING;
    state->elapsed_ns = clock_monotonic_ns() - dashboard->started_ns;
    state->phase_elapsed_ns = line->elapsed_ns;
    state->phase_length_ns = line->length_ns;
    state->doing = dashboard->quits ? "ending early" : line->note;
    if (line->stats && line->stats->elapsed_ns > 0)
        show_load(dashboard, line->stats, threads);
    tui_draw(dashboard->tui, state);
}

void dashboard_end_phase(struct dashboard *dashboard, const char *phase, bool failed, const struct load_stats *stats) {
    shown_phase(dashboard, phase)->state = failed ? TUI_FAILED : TUI_DONE;
    dashboard->mark = (struct mark){0};
    watcher_watch(dashboard->watcher, NULL);
    if (!stats)
        return;
    dashboard->requests += stats->requests;
    dashboard->failures += load_stats_failures(stats);
    dashboard->body_bytes += stats->body_bytes;
}

void dashboard_add_message(struct dashboard *dashboard, const char *text) {
    static const char warning[] = "Warning: ", error[] = "piko profile: ";
    bool is_warning = !strncmp(text, warning, sizeof warning - 1);
    if (is_warning)
        text += sizeof warning - 1;
    else if (!strncmp(text, error, sizeof error - 1))
        text += sizeof error - 1;
    tui_state_add_message(&dashboard->state, !is_warning, text);
}

bool dashboard_quits(const struct dashboard *dashboard) {
    return dashboard->quits;
}
