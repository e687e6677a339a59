/* Flat and cumulative values by function or by line: the figures of `go tool pprof -top`, to the last digit.
 * Flat belongs to the innermost line of the leaf alone; cum counts a function once a sample however often it recurs. */
#ifndef PIKO_REPORT_TABLE_H
#define PIKO_REPORT_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "profile/profile.h"
#include "report/stacks.h"

enum table_group {
    TABLE_BY_FUNCTION,         /* by name alone, as pprof's default */
    TABLE_BY_FUNCTION_IN_FILE, /* functions of one name in several files are several: -filefunctions */
    TABLE_BY_LINE              /* -lines */
};

struct table_row {
    const char *function; /* "[object]" or "<unknown>" without a name; strings live as long as profile and table do */
    const char *file;     /* "" unknown; of the function's heaviest line when grouped by function */
    int64_t line;         /* 0 unknown; likewise */
    int64_t flat, cum;
};

struct table {
    struct table_row *rows; /* by |flat| descending, then |cum| descending, then name */
    size_t n_rows;
    int64_t total; /* of the whole profile, before any filter: what 100 % is */
    int64_t kept;  /* what of it is in samples that the filter kept */
    size_t n_kept; /* such samples; only those with a value count */
    const struct profile_value_type *type;
    char *strings; /* private: made-up names and cleaned paths */
};

/* Frames that match the profile's drop_frames are dropped as pprof does (and kept by keep_frames).
 * 0, -ENOMEM, -EINVAL (no such sample type) or -EFBIG (see stacks.h). Freed by table_done(). */
int table_build(const struct profile *profile, uint32_t sample_type, enum table_group group,
                const struct filter *filter, struct table *ret);
void table_done(struct table *table);

/* The sum of magnitudes, what pprof's percentages are of; of a difference with marked base samples, that of its base. */
int64_t table_whole(const struct profile *profile, uint32_t sample_type);

/* Which group a line belongs to, and how many there are. */
uint32_t table_group_of(const struct frames *frames, enum table_group group, uint32_t line);
uint32_t table_n_groups(const struct frames *frames, enum table_group group);

#endif
