/* The load figures of one phase: from the moment the window opens until its length has passed, however long the profiler
 * then takes to answer, so that figures per request belong to what was profiled. */
#ifndef PIKO_CLI_WINDOW_H
#define PIKO_CLI_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#include "load/load.h"

struct window {
    struct load *load;
    uint64_t start_ns, length_ns;
    struct load_stats before;
    struct load_stats stats; /* of the window so far, as of the last refresh; final once closed */
    bool closed;
};

/* 0 or -ENOMEM. window_done() frees, also what is half made. */
int window_init(struct window *window, struct load *load, uint64_t length_ns);
void window_done(struct window *window);

void window_open(struct window *window);

/* Bring `stats` up to now, and close the window when its length has passed. Does nothing once it is closed. */
void window_refresh(struct window *window);

/* Close it now, early if need be. */
void window_close(struct window *window);

uint64_t window_elapsed_ns(const struct window *window);

#endif
