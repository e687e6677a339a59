#include "cli/window.h"

#include "base/clock.h"

int window_init(struct window *window, struct load *load, uint64_t length_ns) {
    *window = (struct window){.load = load, .length_ns = length_ns};
    int error = load_stats_init(&window->before);
    if (!error)
        error = load_stats_init(&window->stats);
    return error;
}

void window_done(struct window *window) {
    load_stats_done(&window->before);
    load_stats_done(&window->stats);
}

void window_open(struct window *window) {
    load_snapshot(window->load, &window->before);
    window->start_ns = clock_monotonic_ns();
}

uint64_t window_elapsed_ns(const struct window *window) {
    return clock_monotonic_ns() - window->start_ns;
}

static void refresh(struct window *window) {
    load_snapshot(window->load, &window->stats);
    load_stats_since(&window->stats, &window->before);
}

void window_refresh(struct window *window) {
    if (window->closed)
        return;
    window->closed = window_elapsed_ns(window) >= window->length_ns;
    refresh(window);
}

void window_close(struct window *window) {
    if (window->closed)
        return;
    window->closed = true;
    refresh(window);
}
