#ifndef PIKO_PROBE_CONTROL_CRASH_H
#define PIKO_PROBE_CONTROL_CRASH_H

/* Once: have fatal signals that the program does not handle write the segment's crash record before they end it. A
 * handler of the program's takes our place, and gives it back when it goes (probe/hooks/signals.c). */
void crash_init(void);

/* As well: with all signals whose default is to end the process, so that what is to be saved at its end is. */
void crash_init_for_all_ends(void);

#endif
