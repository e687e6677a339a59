/* Locks one by one, both ends of each: where it was held while others waited, and where they waited. Profiles of Piko's own
 * say which lock a wait was for, by the label "lock"; those of others do not. */
#ifndef PIKO_REPORT_LOCKS_H
#define PIKO_REPORT_LOCKS_H

#include <stddef.h>
#include <stdint.h>

#include "profile/profile.h"
#include "report/sites.h"

#define LOCKS_MAX 10u /* that are told of */

struct lock {
    const char *name;     /* of the label: its address; lives as long as the profiles */
    int64_t wait_ns;      /* as its holders are charged with it; where none was recorded, as its waiters waited */
    struct sites holders; /* of the mutex profile; may have none */
    struct sites waiters; /* of the block profile; likewise */
};

struct locks {
    struct lock items[LOCKS_MAX]; /* by wait descending */
    size_t n;
    size_t n_left_out;
};

/* Either profile may be NULL. 0, -ENOMEM or -EFBIG (see stacks.h). Freed by locks_done(). */
int locks_build(const struct profile *mutex, const struct profile *block, const struct filter *filter,
                struct locks *ret);
void locks_done(struct locks *locks); /* takes one that is all 0 */

#endif
