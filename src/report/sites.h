/* Where in the program's own code something happens: the innermost frame that is no plumbing of a standard library. A lock
 * is held in cache_put, not in pthread_mutex_unlock; memory is asked for in render, not in operator new. */
#ifndef PIKO_REPORT_SITES_H
#define PIKO_REPORT_SITES_H

#include <stddef.h>
#include <stdint.h>

#include "report/stacks.h"

struct site {
    const char *function, *file;
    int64_t line;
    int64_t value, count; /* of the sample type asked for and of its partner */
};

struct sites {
    struct site *rows; /* by value descending */
    size_t n;
    int64_t value, count; /* of all, before any filter */
    char *strings;        /* private */
};

/* By line. `count_type` may be PROFILE_NONE. 0, -ENOMEM or -EFBIG (see stacks.h). Freed by sites_done(). */
int sites_build(const struct profile *profile, uint32_t value_type, uint32_t count_type, const struct filter *filter,
                struct sites *ret);
void sites_done(struct sites *sites); /* takes one that is all 0 */

#endif
