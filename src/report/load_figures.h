/* The load of a run: figures of each phase and how they went over time; and load.json, which keeps them so that a report
 * can be made again with the same numbers. */
#ifndef PIKO_REPORT_LOAD_FIGURES_H
#define PIKO_REPORT_LOAD_FIGURES_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "load/load.h"

/* A piece of a phase, about a second. */
struct load_moment {
    uint64_t start_ns, length_ns; /* start: since that of the run */
    uint64_t requests, failures;
    uint64_t p50_ns, p99_ns, max_ns; /* of the completed requests; 0 without any */
};

struct load_phase {
    const char *name; /* "baseline", "cpu", … */
    uint64_t start_ns;
    const struct load_stats *stats;
    uint64_t threads; /* of the program, after the phase; 0 = not counted */
    const struct load_moment *moments;
    size_t n_moments;
};

struct load_figures {
    const char *url; /* NULL = unknown */
    unsigned concurrency;
    const struct load_phase *phases; /* those that were loaded, in order */
    size_t n_phases;
    const char *const *warnings; /* one sentence each */
    size_t n_warnings;
};

/* The figures of that phase, or NULL. */
const struct load_phase *load_figures_find(const struct load_figures *figures, const char *name);

#define LOAD_FILE_NAME "load.json"
#define LOAD_FILE_BYTES_MAX (64u << 20)

/* Append load.json. 0 or the buffer's error. */
int load_file_write(const struct load_figures *figures, struct buffer *ret);

/* Read it. 0, -ENOMEM, or -EBADMSG with what is wrong in `why`. `ret` owns all of it: load_file_free(), which takes NULL. */
int load_file_read(const char *data, size_t size, struct load_figures **ret, char *why, size_t why_size);
void load_file_free(struct load_figures *figures);

#endif
