/* The endpoints under /_piko/debug/pprof/: what Go's net/http/pprof answers, and how. */
#ifndef PIKO_SERVE_PPROF_H
#define PIKO_SERVE_PPROF_H

#include "serve/request.h"

#define PPROF_SECONDS_MAX 3600
#define PPROF_SECONDS_DEFAULT 30
#define PPROF_HZ_MAX 1000

/* Either the answer is there afterwards, or request->job is to be submitted. `name` is what follows the prefix. */
void pprof_start(struct request *request, const char *name);

/* Read the argument `pid`. False with an error in the answer when it can be none. */
bool pprof_read_pid(struct request *request);

/* What the index lists, sorted by name. */
struct pprof_entry {
    const char *name;
    const char *description;
    int kind; /* enum reader_kind, whose count is shown; -1 = none */
};
extern const struct pprof_entry pprof_entries[];
extern const unsigned pprof_n_entries;

#endif
