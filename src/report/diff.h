/* Two profiles compared, function by function or line by line: what each row was before and after, per request or per
 * second where that is known, and whether it changed. */
#ifndef PIKO_REPORT_DIFF_H
#define PIKO_REPORT_DIFF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "profile/profile.h"
#include "report/stacks.h"
#include "report/table.h"
#include "report/verdict.h"

enum diff_per {
    DIFF_PER_BEST,    /* the first of the others that is known of both */
    DIFF_PER_REQUEST, /* completed while the profile ran */
    DIFF_PER_SECOND,  /* of its duration */
    DIFF_PER_RUN      /* values as they are: differences are those of `go tool pprof -diff_base` */
};

struct diff_side {
    const struct profile *profile;
    uint64_t requests; /* completed while the profile ran; 0 = unknown */
};

struct diff_choice {
    uint32_t before_type, after_type; /* the sample type, in each profile */
    enum table_group group;
    enum diff_per per;
    bool by_cum;                 /* what rows are ordered and judged by: cumulative values in place of flat ones */
    const struct filter *filter; /* NULL = none */
};

struct diff_row {
    const char *function, *file; /* as in struct table_row */
    int64_t line;
    int64_t flat[2], cum[2]; /* before and after, as in the profiles */
    double change;           /* of what rows are judged by, after - before, per request or second */
    double probability;      /* that equal programs differ by as much or more in this row */
    enum verdict verdict;
    double times_more; /* samples that VERDICT_MORE needs, as a multiple; 0 where more of the same would not help */
};

struct diff {
    struct diff_row *rows; /* changed ones first, then by |change| descending */
    size_t n_rows, n_changed, n_more;
    double times_more;     /* the median of the rows'; 0 = no row would be helped by more samples alone */
    struct diff_row whole; /* all samples that the filter kept: before any grouping; flat and cum are the same */
    int64_t totals[2];     /* of the whole profiles, before any filter: what shares are of */
    double exposures[2];   /* what values are divided by: requests, seconds, or 1 */
    enum diff_per per;     /* never DIFF_PER_BEST */
    double spread;         /* of repeated runs, as estimated: a share of the value */
    const struct profile_value_type *type; /* lives in `pair` */
    struct profile *pair;                  /* both side by side: sample types 0 and 1 are the values before and after */
    char *strings;                         /* private */
};

/* 0, -ENOMEM, -EINVAL (no such sample type), -ENODATA (what values should be divided by is not known of both) or -EFBIG
 * (see stacks.h). Freed by diff_done(). */
int diff_build(const struct diff_side *before, const struct diff_side *after, const struct diff_choice *choice,
               struct diff *ret);
void diff_done(struct diff *diff); /* takes one that is all 0 */

/* A value of one side, divided by what it is per. */
double diff_value(const struct diff *diff, int64_t value, unsigned side);

const char *diff_per_name(enum diff_per per); /* "request", "second", "run" */

#endif
