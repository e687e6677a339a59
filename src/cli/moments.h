/* How the load goes over time: a figure about once a second while a phase's window is open. */
#ifndef PIKO_CLI_MOMENTS_H
#define PIKO_CLI_MOMENTS_H

#include "report/load_figures.h"

struct moments {
    struct load *load;
    uint64_t run_start_ns, length_ns;
    uint64_t started_ns; /* of the moment at hand; 0 = none */
    struct load_stats now;
    uint64_t requests, failures, elapsed_ns; /* at its beginning, since load_new() */
    struct histogram *before, *difference;
    struct load_moment *items;
    size_t n, space;
};

/* 0 or -ENOMEM. run_start_ns: CLOCK_MONOTONIC. */
int moments_init(struct moments *moments, struct load *load, uint64_t run_start_ns);
void moments_done(struct moments *moments);

/* A phase of that length begins. */
void moments_start(struct moments *moments, uint64_t phase_length_ns);

/* End the moment at hand when it is long enough, or because the phase `ends`. May be called as often as one likes. */
void moments_tick(struct moments *moments, bool ends);

#endif
