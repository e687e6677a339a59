/* The thread dump: where every thread is, and for how long. */
#ifndef PIKO_PROBE_CONTROL_DUMP_H
#define PIKO_PROBE_CONTROL_DUMP_H

#include <stdint.h>

/* Fill the dump_… fields of all records for dump `seq`. A thread that waits is read without a signal, so that no call of
 * the program's is broken off; a running one answers by itself, within 100 ms or not at all. */
void dump_take(uint64_t seq);

#endif
