/* Profiles of short-lived processes, from their start to their end, on disk: a set for each, and the sum of them. */
#ifndef PIKO_SUPERVISE_GENERATOR_H
#define PIKO_SUPERVISE_GENERATOR_H

#include <stdint.h>

#include "reader/profile_set.h"

struct generator {
    const char *folder;
    void (*say)(void *data, const char *line);
    void *say_data;
    struct profile_set sum, waiting; /* a few sets are added up before they are added to the whole */
    unsigned n_waiting, n_sets, n_failed;
    char **names; /* of the folders of sets, in ours */
    uint32_t names_space;
};

/* `folder` and `say` stay the caller's. Says so when nothing can be written there, and goes on. */
void generator_begin(const char *folder, void (*say)(void *data, const char *line), void *say_data,
                     struct generator *ret);

/* Write FOLDER/NAME-PID/ of a process that has ended, or for which another one stands now; with crash.txt when a signal
 * ended it. */
void generator_take(struct generator *generator, struct tree *tree, uint32_t pid, int signal);

/* Write the sum into the folder itself; a single set is moved there. Says where all of it is. */
void generator_end(struct generator *generator, struct tree *tree);

#endif
