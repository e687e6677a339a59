/* The text report of a run, from profiles and load figures. */
#ifndef PIKO_REPORT_REPORT_H
#define PIKO_REPORT_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "load/load.h"
#include "profile/profile.h"
#include "report/load_figures.h"
#include "report/table.h"
#include "report/table_text.h"

struct report_phase {
    const char *name;              /* "cpu", "allocs", "heap", "mutex", "block", or that of a file */
    const struct profile *profile; /* NULL: failed or not reached; then `missing` says why */
    const char *missing;
    uint64_t requests; /* completed while the profile ran; 0 = no per-request column */
};

/* A program file or library that the program ran, when it can be looked at here. */
struct report_object {
    const char *file;          /* as in the profiles' mappings */
    const char *built;         /* "FILE was built with …", where that spoils profiles; NULL = it does not */
    const char *debug_package; /* Debian's, with the symbols that it lacks; NULL = it has them, or none is known */
};

struct report_run {
    const char *folder; /* that the files are in, for commands; NULL = unknown */
    const char *url;
    unsigned concurrency;
    const struct load_stats *baseline; /* NULL = not reached */
    const struct load_figures *load;   /* of all phases; NULL = unknown */
    const struct report_phase *phases;
    size_t n_phases;
    const char *const *warnings; /* one sentence each, shown on top */
    size_t n_warnings;
    const struct report_object *objects;
    size_t n_objects;
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

/* Take address, baseline and warnings from the load figures, which stay the caller's. */
void report_run_set_load(struct report_run *run, const struct load_figures *load);

/* Append the report. 0, -ENOMEM, -EFBIG (see stacks.h) or the buffer's error. */
int report_write(const struct report_run *run, const struct report_options *options, struct buffer *ret);

/* Append the tables alone. 0, -ENOMEM, -EFBIG (see stacks.h) or the buffer's error. */
int report_write_profiles(const struct report_run *run, const struct report_options *options, struct buffer *ret);

/* Append four lines of the report's load section: requests, failures, p50 and p99. 0 or the buffer's error. */
int report_write_brief(const struct load_stats *baseline, struct buffer *ret);

/* Append the same figures as one JSON object. */
int report_json(const struct report_run *run, const struct report_options *options, struct buffer *ret);

/* Append report.html: the same in one self-contained page, with flame graphs and charts. 0, -ENOMEM, -EFBIG or the
 * buffer's error. */
int report_html(const struct report_run *run, const struct report_options *options, struct buffer *ret);

#endif
