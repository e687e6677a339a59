/* Whether two measurements of a thing differ, or only as much as measurements of one thing do.
 *
 * A profile counts events (ticks, sampled allocations, waits): of one that is repeated the counts scatter as Poisson's
 * do, and beyond that runs differ by a share of the value, the *spread* (caches, placement, who else is on the machine).
 * So of all events of a row, those after are beta-binomial when nothing changed, and the tail from what was seen is
 * exact, for three events as for a million. Over the rows of a table Benjamini and Hochberg's procedure holds the share of
 * false ones among those called changed at VERDICT_FALSE_MOST: of two equal programs, one table in twenty has any. */
#ifndef PIKO_REPORT_VERDICT_H
#define PIKO_REPORT_VERDICT_H

#include <stddef.h>

#define VERDICT_FALSE_MOST 0.05
#define VERDICT_EVENTS_LEAST 6.0    /* with fewer in all, no share of them could be told from chance */
#define VERDICT_MATERIAL 0.2        /* a change of a row by this share is worth finding */
#define VERDICT_MATERIAL_WHOLE 0.01 /* and so is one by this share of the whole, whatever the row was */

enum verdict {
    VERDICT_NOISE,   /* repeated runs differ by as much */
    VERDICT_CHANGED, /* they do not */
    VERDICT_MORE,    /* needs more samples: a change that matters would look no different */
};

struct evidence {
    double before, after;                   /* events */
    double exposure_before, exposure_after; /* in what they were counted: requests, seconds; above 0 */
};

/* How probable it is that equal things differ by as much or more, in either direction. */
double verdict_probability(const struct evidence *evidence, double spread);

/* The spread (standard deviation of one run's values, as a share) that explains how most of these rows differ, from `least`
 * to `most`; rather too large than too small, and about the middle when the rows do not tell. */
double verdict_spread(const struct evidence *rows, size_t n, double least, double most);

/* How large a difference 95 % of repetitions of equal things stay below, as a share of the larger one of both. */
double verdict_half_width(const struct evidence *evidence, double spread);

/* The probability up to which rows are called changed, by Benjamini and Hochberg; below 0 = none is. Sorts them. */
double verdict_limit(double *probabilities, size_t n);

const char *verdict_name(enum verdict verdict); /* "changed", "noise", "needs more samples" */

#endif
