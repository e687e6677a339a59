/* Which tables a profile gets. A new kind of profile is a row in views.c. */
#ifndef PIKO_REPORT_VIEWS_H
#define PIKO_REPORT_VIEWS_H

#include "report/report.h"

#define VIEWS_MAX 4u
#define VIEW_TITLE_BYTES 128u

struct view {
    char title[VIEW_TITLE_BYTES]; /* "allocs (alloc_space by line)" */
    uint32_t sample_type;
    enum table_group group;
};

/* Those of a phase that has a profile. One with another name than the rows of views.c is told by what is in it; what no
 * row fits gets its default sample type. How many of `ret` were filled; 0 when it does not have what was asked for. */
size_t views_of(const struct report_phase *phase, const struct report_options *options, struct view ret[VIEWS_MAX]);

/* Index of a sample type by its name or number, as pprof's -sample_index; NULL is the one that tools show first.
 * PROFILE_NONE when there is none such. */
uint32_t views_find_sample_type(const struct profile *profile, const char *sample_index);

#endif
