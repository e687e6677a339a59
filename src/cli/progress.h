/* What a person sees while a run goes on: one line a phase, rewritten in place on a terminal, printed once when piped.
 * Everything that is printed during a run goes through here, so that no message lands in the middle of a line. */
#ifndef PIKO_CLI_PROGRESS_H
#define PIKO_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "load/load.h"

struct dashboard;

struct progress {
    FILE *out;
    bool live;   /* out is a terminal whose lines can be rewritten */
    bool color;  /* and that may be coloured */
    bool blocks; /* and that draws Unicode blocks */
    bool drawn;  /* an unfinished line stands there */

    /* While a dashboard has the screen: what is printed is held back until it is gone. */
    struct dashboard *dashboard; /* NULL = none; not owned */
    struct held *held;
    size_t n_held;
};

struct progress_line {
    const char *phase;
    uint64_t elapsed_ns, length_ns;
    const struct load_stats *stats; /* of the phase so far; NULL = none yet */
    const char *note;               /* "2,988 samples"; NULL = none */
};

/* Look at the terminal and at NO_COLOR, TERM. */
void progress_init(struct progress *progress, FILE *out);

/* From now on show it on the dashboard; progress_release() prints what was said meanwhile, to where it belongs. */
void progress_hold(struct progress *progress, struct dashboard *dashboard);
void progress_release(struct progress *progress);

/* Draw the line of the running phase anew; nothing when piped. */
void progress_update(struct progress *progress, const struct progress_line *line);

/* Print the line of a phase that has ended. */
void progress_finish(struct progress *progress, const struct progress_line *line);

/* A phase is over, whatever came of it: for the dashboard. stats: its figures; NULL = none. */
void progress_end_phase(struct progress *progress, const char *phase, bool failed, const struct load_stats *stats);

/* A line of its own, on `out` or on stderr; an unfinished line is taken away first. The newline is added. */
void progress_print(struct progress *progress, const char *format, ...) __attribute__((format(printf, 2, 3)));
void progress_complain(struct progress *progress, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
