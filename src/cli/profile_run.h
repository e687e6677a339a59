/* One run of `piko profile`: what it works with, and what came of each phase. */
#ifndef PIKO_CLI_PROFILE_RUN_H
#define PIKO_CLI_PROFILE_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "capture/capture.h"
#include "cli/errors_file.h"
#include "cli/moments.h"
#include "cli/output.h"
#include "cli/profile_settings.h"
#include "cli/progress.h"
#include "load/load.h"
#include "profile/profile.h"

#define N_PHASES 6u /* the first is the baseline */
#define WARNINGS_MAX 32u

enum phase_capture {
    PHASE_CAPTURES_NOTHING,
    PHASE_CAPTURES_TIMED,  /* the server takes the phase's time: profile?seconds=30 */
    PHASE_CAPTURES_DELTA,  /* before and after, subtracted */
    PHASE_CAPTURES_AT_END, /* as it stands after the phase's time under load */
};

struct phase {
    const char *name;     /* of its files, too */
    const char *endpoint; /* NULL for the baseline */
    const char *what;     /* one line about its profile */
    enum phase_capture capture;
};

extern const struct phase phases[N_PHASES];

struct phase_result {
    bool reached;
    bool failed;                 /* something of it is missing: why[] says what */
    char why[CAPTURE_WHY_BYTES]; /* the first thing that failed */
    bool has_stats;
    uint64_t start_ns; /* of its window, since the run's start */
    size_t first_moment, n_moments;
    struct load_stats stats; /* owned */
    struct profile *profile; /* owned; NULL = none */
    uint64_t threads;        /* in the snapshot after the phase; 0 = no snapshot */
};

struct profile_run {
    const struct profile_settings *settings;
    unsigned n_wanted; /* phases that are to run */
    struct load *load;
    struct capture *capture;
    struct capture_options profiler; /* what `capture` was made with */
    struct errors_file errors;
    struct output output;
    struct progress progress;
    const volatile int *stop;
    bool ends_early; /* the dashboard's user had enough: what is there is kept */
    struct moments moments;
    struct phase_result results[N_PHASES];
    bool extras_failed; /* something beside the phases: the rolling trace, the report */
    char *warnings[WARNINGS_MAX];
    size_t n_warnings;
};

/* A sentence for the top of the report (copied). */
void run_add_warning(struct profile_run *run, const char *text);

/* The same, and on stderr now. */
void run_warn(struct profile_run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Write a file of the run; complain and return false when that fails. */
bool run_write(struct profile_run *run, const char *name, const void *data, size_t size);

/* What there is to say of the load of a phase beside its failures: a rate that was not met, a generator that was the limit. */
void load_verdict(struct profile_run *run, const char *phase, const struct load_stats *stats);

/* Run all phases; each writes its files as it ends. Returns early when the stop flag is set. */
void phases_run(struct profile_run *run);

/* Whether anything came of the run that is worth a report: a completed request of the baseline, or a profile. */
bool run_is_usable(const struct profile_run *run);

/* Write live_performance_report.txt, print it, and say where files are and what to do with them. */
void summary_print(struct profile_run *run);

#endif
