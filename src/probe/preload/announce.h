/* Memory that outlives the process, and its way to the supervisor. Ordinary context; system calls are made directly, since
 * libc's own names are hooked and the program's threads may be inside of them. */
#ifndef PIKO_PROBE_PRELOAD_ANNOUNCE_H
#define PIKO_PROBE_PRELOAD_ANNOUNCE_H

#include <stddef.h>

#include "probe/preload/settings.h"

/* Memory that can be shared: mapped, all zero, its size sealed. `ret_fd` is its descriptor, closed on exec.
 * The mapping or NULL. */
void *announce_memory(size_t bytes, int *ret_fd);

/* Say hello to the supervisor and hand it the descriptor, which stays open here. 0 or a negative errno; takes 100 ms at
 * most. */
int announce_send(const struct settings *settings, int fd);

#endif
