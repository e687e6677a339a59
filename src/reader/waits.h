/* What a thread waits for whose wait no hook saw, as it began before us: the kernel says that it waits in futex(), and the
 * functions of libc around that say the rest. */
#ifndef PIKO_READER_WAITS_H
#define PIKO_READER_WAITS_H

#include "reader/places.h"

/* The state by the innermost frames, as far as they are libc's own and named; SEGMENT_THREAD_FUTEX when they do not tell. */
enum segment_thread_state waits_in_futex(const struct places *places, const struct view_stack *stack);

#endif
