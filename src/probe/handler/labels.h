/* Labels of the calling thread: what it is busy with, in the program's own words. They stand in its record, as the id of one
 * set of them, so that the signal handler reads them with one load. */
#ifndef PIKO_PROBE_HANDLER_LABELS_H
#define PIKO_PROBE_HANDLER_LABELS_H

#include <stdint.h>

/* Give the label `key` a value, in place of the one that it has; NULL or "" takes it away, a key of NULL all of them. What
 * finds no room is left out and counted in lost_strings. Nothing without a segment of this process. */
void labels_set(const char *key, const char *value);

/* The set as one number, for labels_restore() in any thread of this process; 0 = none. */
uint64_t labels_get(void);
void labels_restore(uint64_t labels);

#endif
