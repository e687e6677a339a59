/* What the files of the reader share. */
#ifndef PIKO_READER_INTERNAL_H
#define PIKO_READER_INTERNAL_H

#include <pthread.h>

#include "profile/profile.h"
#include "reader/modules.h"
#include "reader/rates.h"
#include "reader/reader.h"
#include "reader/validate.h"
#include "symbols/symbols.h"

#define READER_NAME_BYTES 64u

/* Immutable after reader_new() but for the rates, under their lock, the symbols, which lock themselves, and what is
 * atomic: hence any number of threads. */
struct reader {
    struct view view;
    struct symbols *symbols;
    const void *vdso; /* the kernel's object is the same in every process: our own mapping of it; NULL = none */
    size_t vdso_bytes;
    bool shares_symbols;   /* they are the tree's */
    struct builds *builds; /* NULL = none; the caller's */
    uint32_t
        process_pid; /* as the kernel tells us, which may live in another namespace; 0 = a process alone, no labels */
    char process_name[READER_NAME_BYTES];
    uint32_t there;             /* A: see reader_set_quiet() */
    pthread_mutex_t rates_lock; /* of the next two, and of the mailbox's cpu_users and cpu_hz */
    struct rates rates;
    struct rate followed;
};

/* As reader_new(), for one process of several: samples carry the labels `pid` and `process`, `symbols` stays the
 * caller's. */
int reader_new_process(struct segment *segment, size_t bytes, struct symbols *symbols, uint32_t pid, const char *name,
                       struct reader **ret);

/* While quiet, nobody waits for the target. `there`: its pid is still its own, so that it can be looked at from outside when
 * it does not answer. Threads: any. */
void reader_set_quiet(struct reader *reader, bool quiet, bool there);
/* Quiet, and no longer there. */
bool reader_has_ended(const struct reader *reader);
/* The pid to do that by; 0 = it cannot be. */
uint32_t reader_outside_pid(const struct reader *reader);

/* CPU captures of several processes: join without waiting and leave again; all that was sampled since the segment was
 * made. */
void reader_cpu_follow(struct reader *reader, unsigned hz);
void reader_cpu_unfollow(struct reader *reader);
int reader_cpu_so_far(struct reader *reader, struct profile **ret);

#define READER_LABELS 2u /* that reader_labels() adds */
uint32_t reader_labels(const struct reader *reader, struct profile *profile, struct profile_label *ret);

/* Milliseconds since the target was last heard of. */
uint64_t reader_silent_ms(const struct reader *reader);

/* How to ask for a module's symbols; the strings stay the module's. */
struct symbols_module reader_symbols_module(const struct reader *reader, const struct module *module);

#endif
