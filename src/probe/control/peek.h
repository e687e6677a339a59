/* Reading memory of this process that may vanish at any moment: a library that is being unloaded, a stack of a thread that
 * ends. The kernel copies it, and stops where there is nothing. */
#ifndef PIKO_PROBE_CONTROL_PEEK_H
#define PIKO_PROBE_CONTROL_PEEK_H

#include <stddef.h>
#include <stdint.h>

/* How many bytes from `address` on could be copied to `to`: `bytes`, or fewer when a page after the first can't be read.
 * Takes no lock and allocates nothing. */
size_t peek(uint64_t address, void *to, size_t bytes);

#endif
