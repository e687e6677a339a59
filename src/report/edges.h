/* Who calls whom, and how much of the profile passes there: the edges of pprof's graph. */
#ifndef PIKO_REPORT_EDGES_H
#define PIKO_REPORT_EDGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "report/stacks.h"

struct edge {
    uint32_t caller, callee; /* functions, never the same one: recursion is no edge */
    int64_t value;           /* of the samples in which the one called the other, each counted once */
};

struct edges {
    struct edge *items; /* by caller, then callee */
    size_t n;
};

/* Edges of one sample type of which at least one end is wanted (wanted[function]). 0 or -ENOMEM. Freed by edges_done(). */
int edges_make(struct stacks *stacks, uint32_t sample_type, const bool *wanted, struct edges *ret);
void edges_done(struct edges *edges);

#endif
