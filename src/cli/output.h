/* The output folder of a run. It holds one run: what an earlier one left there under our names is removed at start, so that
 * no file can be taken for this run's. */
#ifndef PIKO_CLI_OUTPUT_H
#define PIKO_CLI_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

#define OUTPUT_FILES_MAX 32u
#define OUTPUT_NAME_BYTES 48u

struct output {
    char *folder;                                    /* without a trailing slash */
    bool made;                                       /* by us */
    char files[OUTPUT_FILES_MAX][OUTPUT_NAME_BYTES]; /* written so far */
    size_t n_files;
};

/* Make the folder (and those above it) where it is missing, and see that files can be written there. 0 or a negative errno.
 * `output` is freed by output_done() either way. */
int output_open(struct output *output, const char *folder);
void output_done(struct output *output);

/* Nothing came of the run: take the folder away again if we made it and it is empty. */
void output_abandon(struct output *output);

/* Remove a file of that name that an earlier run left. */
void output_remove_old(struct output *output, const char *name);

/* Write a file whole or not at all, mode 0640, and remember it. 0 or a negative errno. */
int output_write(struct output *output, const char *name, const void *data, size_t size);

/* Whether output_write() wrote it. */
bool output_has(const struct output *output, const char *name);

#endif
