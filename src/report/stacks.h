/* The stacks of a profile as they are shown: without what the profile itself drops (drop_frames), without the samples and
 * frames that the reader of the report filtered out. Every name is matched once.
 *
 * The filters are pprof's: `focus` keeps samples in which any frame matches, `ignore` drops those in which one does,
 * `hide` takes matching frames out of the stacks that are left. */
#ifndef PIKO_REPORT_STACKS_H
#define PIKO_REPORT_STACKS_H

#include <stdbool.h>
#include <stdint.h>

#include "profile/profile.h"
#include "report/focus.h"
#include "report/frames.h"
#include "report/prune.h"

#define STACKS_FRAMES_MAX (1ull << 30) /* of all samples: a few bytes of a hostile file may stand for any number */

struct filter {
    const struct focus *focus, *ignore, *hide; /* NULL: no such filter */
};

struct stacks {
    const struct profile *profile;
    struct frames frames; /* their line_of and first hold visible frames alone */
    struct pruning pruning;
    uint8_t *verdicts; /* per location: private; NULL = no focus and no ignore */
    uint32_t *lines;   /* the stack at hand, innermost first: indexes into frames.lines */
    uint32_t n_lines;
};

/* `profile` must outlive the stacks; `filter` may be NULL. 0, -ENOMEM, or -EFBIG with more than STACKS_FRAMES_MAX frames. */
int stacks_make(const struct profile *profile, const struct filter *filter, struct stacks *ret);
void stacks_done(struct stacks *stacks);

/* Put one sample's stack into `lines`; false when the sample is filtered out. It may be empty. */
bool stacks_read(struct stacks *stacks, const struct profile_sample *sample);

#endif
