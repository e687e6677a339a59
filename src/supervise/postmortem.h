/* What is left of a process, on disk. */
#ifndef PIKO_SUPERVISE_POSTMORTEM_H
#define PIKO_SUPERVISE_POSTMORTEM_H

#include <stdint.h>

#include "base/buffer.h"
#include "reader/tree.h"

/* Write FOLDER/NAME-PID/ with crash.txt, the profiles and the rolling trace, for the one process. `signal`: that ended it; 0 = it lives, or
 * nobody knows. Appends the folder's path to `ret`. 0 or a negative errno. */
int postmortem_write(struct tree *tree, uint32_t pid, int signal, const char *folder, struct buffer *ret);

/* "NAME-PID", appended. 0 or -ENOMEM. */
int postmortem_name(struct tree *tree, uint32_t pid, struct buffer *ret);

/* crash.txt alone, into the folder itself. 0 or a negative errno. */
int postmortem_write_crash(struct tree *tree, uint32_t pid, int signal, const char *folder);

/* The same as postmortem_write() for a process that lives, or with pid 0 for each; a line with the folder of each. */
int postmortem_save(struct tree *tree, uint32_t pid, const char *folder, struct buffer *ret);

#endif
