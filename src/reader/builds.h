/* How the programs and libraries of processes were built, where that spoils their profiles: each file is looked at once, in
 * a thread of its own, and told of once. Threads: any, for everything but builds_free(). */
#ifndef PIKO_READER_BUILDS_H
#define PIKO_READER_BUILDS_H

#include <stdint.h>

struct builds;

/* `say` gets a sentence for each file that there is something to say of, from our thread, which takes its own-thread mark and
 * signal mask from the caller. 0, -ENOMEM or -EAGAIN (no thread). */
int builds_new(void (*say)(void *data, const char *sentence), void *data, struct builds **ret);
/* Looks at what still waits first: a program may end sooner than that. Takes NULL. */
void builds_free(struct builds *builds);

/* Look, soon, at what a process has mapped to execute; at `program` ("" = none) alone when it is gone by then. */
void builds_look(struct builds *builds, uint32_t pid, const char *program);

/* What was said of the file of that path, which lives as long as `builds`; NULL = nothing. Takes NULL for `builds`. */
const char *builds_find(struct builds *builds, const char *path);

/* Call visit for all that was said so far. Takes NULL for `builds`. */
void builds_list(struct builds *builds, void (*visit)(const char *sentence, void *data), void *data);

#endif
