/* What the files of the tree share. */
#ifndef PIKO_READER_TREE_INTERNAL_H
#define PIKO_READER_TREE_INTERNAL_H

#include <pthread.h>

#include "reader/internal.h"
#include "reader/tree.h"

/* Everything but refs and the states is fixed once it is in the list. */
struct process {
    struct process *next;
    unsigned refs; /* under the tree's lock */
    uint32_t pid, parent;
    char name[TREE_NAME_BYTES], command[TREE_COMMAND_BYTES];
    struct reader *reader;
    bool owned; /* reader and mapping go with it */
    struct segment *segment;
    size_t bytes;
    uint64_t began_ns, ended_ns;
    bool traced;   /* joined the recording because traces were taken when it came; under the lock */
    bool followed; /* joined the sampler because captures ran when it came; under the lock */
    bool ended, replaced;
};

struct tree {
    pthread_mutex_t lock;
    struct process *processes; /* in the order in which they came */
    unsigned n_alive, n_ended;
    struct rates cpu_rates; /* of the CPU captures that run */
    unsigned n_trace;       /* traces of the whole tree that are taken */
    struct symbols *symbols;
    struct builds *builds; /* the caller's; NULL = none */
    bool single;
};

/* Processes held by their references. */
struct picked {
    struct process **list;
    size_t n;
};

/* Those that `pid` means: the one of that number, the newest of them; or with 0 all that live, and those that
 * ended but came after since_ns. Their quiet marks are brought up to date. 0, -ESRCH (pid not 0) or -ENOMEM. */
int tree_pick(struct tree *tree, uint32_t pid, uint64_t since_ns, struct picked *ret);
void tree_drop(struct tree *tree, struct picked *picked);

/* Whether the kernel has it stopped, waiting to be reaped, or not at all. */
enum tree_state tree_look(const struct process *process);

/* Add up n profiles (NULL among them are left out) and free them; one alone is passed on. `error`: what to answer when
 * there is none. 0, -ENOMEM, or `error`. */
int tree_merge(struct profile **profiles, size_t n, int error, struct profile **ret);

#endif
