/* What a run left in its folder, read again; or profiles from anywhere. */
#ifndef PIKO_CLI_SAVED_RUN_H
#define PIKO_CLI_SAVED_RUN_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/objects.h"
#include "report/report.h"

#define SAVED_PROFILES_MAX 256u
#define SAVED_WHY_BYTES 512u
#define SAVED_FILE_BYTES_MAX (512u << 20)

struct saved_run {
    struct report_phase *phases; /* each with a profile, all owned */
    size_t n_phases;
    bool is_folder; /* of one run */
    char *folder;
    struct load_figures *load; /* NULL = not kept */
    struct objects objects;
    struct report_run run; /* of the above: complete once sealed */
};

/* Read a pprof file, or a folder with all its *.pprof files and load figures. 0, or a negative errno with a sentence that
 * names the file in `why`. */
int saved_run_add(struct saved_run *saved, const char *path, char why[SAVED_WHY_BYTES]);

/* Nothing more is added: `run` may be used. */
void saved_run_seal(struct saved_run *saved);
void saved_run_done(struct saved_run *saved);

#endif
