/* What the compiler wrote down about how it made a file. */
#ifndef PIKO_SYMBOLS_PRODUCER_H
#define PIKO_SYMBOLS_PRODUCER_H

#include <stdbool.h>

/* Look at the file at `path` when its build id is this one ("" = any). unoptimised: most of its units say that they were
 * compiled without -O; gcc does say so, others do not. debug_info: it holds debug information itself.
 * 0, or a negative errno: -ENOEXEC for no ELF, -ESTALE for another build. Threads: any. */
int producer_look(const char *path, const char *build_id, bool *ret_unoptimised, bool *ret_debug_info);

#endif
