/* What can be run with the probe, and where the probe is. */
#ifndef PIKO_SUPERVISE_PROGRAM_H
#define PIKO_SUPERVISE_PROGRAM_H

#include <limits.h>
#include <stddef.h>

/* Find a command as execvp() does and see that the probe can be preloaded into it (into the interpreter, for a script).
 * 0 with its path; -ENOENT, -EACCES or -ENOEXEC with a sentence in `why`. */
int program_find(const char *name, char path[PATH_MAX], char *why, size_t why_size);

/* The path of libpiko-probe.so, which is found by our own place: installed, or in the build folder.
 * 0, or -ENOENT with a sentence in `why`. */
int program_find_probe(char path[PATH_MAX], char *why, size_t why_size);

#endif
