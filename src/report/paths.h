/* Paths as text: no file system is asked. */
#ifndef PIKO_REPORT_PATHS_H
#define PIKO_REPORT_PATHS_H

#include <stdbool.h>
#include <stddef.h>

/* Whether path_clean() would change nothing. */
bool path_is_clean(const char *path);

/* Shortest path of the same meaning: no "//", no ".", ".." only in front, no "/" at the end; what Bazel builds put in
 * front (/proc/self/cwd/) goes. Writes at most strlen(path) + 1 bytes, at least 2 must be there. "" stays "". */
void path_clean(const char *path, char *ret);

/* Its last component, and how long that is ("/usr/lib/" has "lib", "/" itself). */
const char *path_base(const char *path, size_t *ret_length);

#endif
