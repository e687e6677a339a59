/* What a process that is about to end leaves: where its threads are, and the CPU time that no sample tells of yet. */
#ifndef PIKO_PROBE_HANDLER_ENDING_H
#define PIKO_PROBE_HANDLER_ENDING_H

#include <stdint.h>

#include "probe/handler/unwind.h"

/* Have control take a dump, in which the calling thread has that stack (id), and settle the CPU time of all threads. Waits 300 ms at
 * most, and then for whoever saves it in this process (control_save_at_end()). In any context; not by a thread of ours. */
void ending_tell(uint32_t stack);

/* The same, from where the program ends by itself, when all of its life is profiled (probe.to_the_end). Nothing in the child of a
 * vfork, which has its parent's memory, not its end. May be called again where the end does not come, as of exec. */
void ending_tell_from(const struct unwind_registers *caller);

#endif
