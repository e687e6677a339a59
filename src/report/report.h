/* The text report of a run, from profiles and load figures. */
#ifndef PIKO_REPORT_REPORT_H
#define PIKO_REPORT_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "load/load.h"
#include "profile/profile.h"
#include "report/focus.h"
#include "report/table.h"

struct report_phase {
    const char *name;              /* "cpu", "allocs", "heap", "mutex", "block" */
    const struct profile *profile; /* NULL: failed or not reached; then `missing` says why */
    const char *missing;
    uint64_t requests; /* completed while the profile ran; 0 = no per-request column */
};

struct report_run {
    const char *url;
    unsigned concurrency;
    const struct load_stats *baseline; /* NULL = not reached */
    const struct report_phase *phases;
    size_t n_phases;
    const char *const *warnings; /* one sentence each, shown on top */
    size_t n_warnings;
};

struct report_options {
    unsigned top;              /* rows of a table; 0 = all */
    const struct focus *focus; /* NULL = everything */
};

/* Append the report. 0 or the buffer's error. */
int report_write(const struct report_run *run, const struct report_options *options, struct buffer *ret);

#endif
