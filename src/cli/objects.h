/* What can be learned of the program's files, when they are on this machine: for findings. */
#ifndef PIKO_CLI_OBJECTS_H
#define PIKO_CLI_OBJECTS_H

#include <stddef.h>

#include "report/report.h"

#define OBJECTS_MAX 64u

struct objects {
    struct report_object *items; /* their `file` belongs to the profiles, the rest to this */
    size_t n;
};

/* Look at the files of the cpu profile's mappings; those that are not here, or are other builds, are left out. */
void objects_find(const struct report_phase *phases, size_t n_phases, struct objects *ret);
void objects_done(struct objects *objects);

#endif
