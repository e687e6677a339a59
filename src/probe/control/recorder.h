/* The recorder of the execution trace: its clock, its memory, its switch. */
#ifndef PIKO_PROBE_CONTROL_RECORDER_H
#define PIKO_PROBE_CONTROL_RECORDER_H

#include <stdbool.h>
#include <stdint.h>

/* At start, with the segment there: min_age_ns 0 = recorded only while somebody takes a trace; else always. */
void recorder_init(uint64_t min_age_ns, uint64_t bytes_max);

/* By control's thread alone: switch on or off as is wanted. */
void recorder_serve(bool wanted);
void recorder_stop(void);

#endif
