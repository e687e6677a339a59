/* The loaded objects: keeps the unwinder's tables and the segment's module records in step with them.
 *
 * Ordinary context, but nothing here calls malloc, whose lock the program may hang on. One thread at a time. */
#ifndef PIKO_PROBE_CONTROL_MODULES_H
#define PIKO_PROBE_CONTROL_MODULES_H

#include <stdbool.h>
#include <stdint.h>

#include "segment/segment.h"

/* Once, when the program starts: where it and its relative names are. */
void modules_keep_start(void);

/* Take in what was loaded and unloaded since the last time: compile tables of new objects, swap the index, write module
 * records of `segment` (NULL: none), mark those of objects that are gone, and free the tables of these once no walk can
 * be using them; what can't be freed within 20 ms waits for the next call. Cheap when nothing changed.
 * Returns 0 or -ENOMEM: then the old index stays in force and the next call tries again. */
int modules_refresh(struct segment *segment);

/* Take all tables out of force and free them; walks give the leaf alone afterwards. modules_refresh() starts anew.
 * 0, or -EBUSY when a walk did not end within 20 ms: then their memory stays for a later call. */
int modules_release(void);

/* Before a fork and, in the parent, after it: no refresh begins in between. True when none is under way: then all is whole
 * in the child too, whose tables are those of its parent until it loads something of its own. */
bool modules_before_fork(void);
void modules_after_fork(void);

/* In the child, with what modules_before_fork() said. What is not whole is forgotten; the index in force stays so all the
 * same, since it never changes: walks go on with it until the next refresh. */
void modules_reset_after_fork(bool whole);

struct modules_stats {
    uint32_t objects; /* loaded, with or without a table */
    uint32_t tables;
    uint32_t pending; /* tables and indexes that wait to be freed */
    uint64_t table_bytes;
    uint64_t source_bytes; /* of .eh_frame that they were compiled from */
    uint64_t functions, rows, rules;
};
void modules_stats(struct modules_stats *ret);

#endif
