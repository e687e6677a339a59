/* The objects that the loader has in memory, read without its lock, which a hung program may hold: as a debugger reads
 * them, from the list that the loader keeps for debuggers (link.h, struct r_debug). */
#ifndef PIKO_PROBE_CONTROL_LOADED_H
#define PIKO_PROBE_CONTROL_LOADED_H

#include <link.h>
#include <stdbool.h>
#include <stdint.h>

#define LOADED_NAME_BYTES 512u /* longer ones are cut */

/* Valid during the visit. */
struct loaded_object {
    uint64_t bias;               /* what the loader added to the file's addresses */
    const char *name;            /* as it was asked for; "" the program itself, "[vdso]" the kernel's */
    const ElfW(Phdr) * segments; /* a copy */
    unsigned n_segments;
};

/* Call `visit` for each. What is loaded or unloaded meanwhile may be visited or not, and what it is told may have gone when
 * it looks: it reads through peek(). False when the loader was at work: then look again soon. */
bool loaded_each(void (*visit)(const struct loaded_object *object, void *data), void *data);

#endif
