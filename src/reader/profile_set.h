/* All profiles of a process, or the sums of several, and their files. */
#ifndef PIKO_READER_PROFILE_SET_H
#define PIKO_READER_PROFILE_SET_H

#include <stdbool.h>

#include "base/buffer.h"
#include "reader/tree.h"

#define PROFILE_SET_KINDS 6u

struct profile_set {
    struct profile *profiles[PROFILE_SET_KINDS]; /* NULL = not there */
    struct buffer trace;                         /* empty = there is none */
};
#define PROFILE_SET_EMPTY                                                                                              \
    { .trace = BUFFER_INIT(0) }

/* Make those of one process: cpu (only when asked: of one that is sampled from its start), heap, allocs, block, mutex,
 * goroutine, and the trace that it kept. 0 or a negative errno; what could be made is in `ret` all the same. */
int profile_set_take(struct tree *tree, uint32_t pid, bool with_cpu, struct profile_set *ret);

/* Move the profiles of `part` into `sum`, added up; the trace stays. 0 or -ENOMEM. */
int profile_set_add(struct profile_set *sum, struct profile_set *part);

/* Write cpu.pprof, heap.pprof … and trace.out of what is there into a folder, which is made; each file whole or not at all.
 * 0, or the first error, with the file's name in `ret_file` (static; "" = the folder), after all were tried. */
int profile_set_write(const struct profile_set *set, const char *folder, const char **ret_file);

/* Whether files can be written into a folder, which is made: 0 or a negative errno. */
int profile_set_try(const char *folder);

/* The names of the files that it may write; NULL at the end. */
extern const char *const profile_set_files[];

void profile_set_done(struct profile_set *set);

#endif
