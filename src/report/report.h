/* The text report of a run, from profiles and load figures. */
#ifndef PIKO_REPORT_REPORT_H
#define PIKO_REPORT_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "load/load.h"
#include "profile/profile.h"
#include "report/table.h"
#include "report/table_text.h"

struct report_phase {
    const char *name;              /* "cpu", "allocs", "heap", "mutex", "block", or that of a file */
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

/* One table for each profile that has this sample type, in place of the usual ones. */
struct report_choice {
    const char *sample_index; /* its name or number; NULL = what tools show first */
    enum table_group group;
};

struct report_options {
    unsigned top; /* rows of a table; 0 = all */
    struct filter filter;
    struct text_form form;
    const struct report_choice *choice; /* NULL: the tables that belong to each profile */
};

/* Append the report. 0 or the buffer's error. */
int report_write(const struct report_run *run, const struct report_options *options, struct buffer *ret);

/* Append the tables alone. 0, -ENOMEM, -EFBIG (see stacks.h) or the buffer's error. */
int report_write_profiles(const struct report_run *run, const struct report_options *options, struct buffer *ret);

/* Append the same figures as one JSON object. */
int report_json(const struct report_run *run, const struct report_options *options, struct buffer *ret);

#endif
