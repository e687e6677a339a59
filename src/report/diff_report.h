/* Two runs, or two profiles, compared: as text, as JSON, as a page. */
#ifndef PIKO_REPORT_DIFF_REPORT_H
#define PIKO_REPORT_DIFF_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "report/diff.h"
#include "report/report.h"

#define DIFF_TITLE_BYTES 128u

/* What is compared: one sample type of one profile. */
struct diff_subject {
    char title[DIFF_TITLE_BYTES]; /* "allocs (alloc_space)" */
    const struct report_phase *before, *after;
    uint32_t before_type, after_type;
};

struct diff_report {
    const char *before_name, *after_name;              /* folders or files */
    const struct load_stats *before_load, *after_load; /* of the baselines; NULL = unknown */
    const struct diff_subject *subjects;
    size_t n_subjects;
    enum table_group group;
    enum diff_per per;
    bool by_cum;
    unsigned top; /* rows of a table; 0 = all */
    struct filter filter;
    struct text_form form;
};

/* The sample types that both profiles have with the same name and unit: the one asked for (by name or number in `before`),
 * or those that are shown of such a profile, else the first of all. How many of `ret` were filled; 0 when there is none. */
#define DIFF_SUBJECTS_MAX 2u
size_t diff_subjects_of(const struct report_phase *before, const struct report_phase *after, const char *sample_index,
                        struct diff_subject ret[DIFF_SUBJECTS_MAX]);

/* Each appends its form. 0, -ENOMEM, -ENODATA and -EFBIG as diff_build(), or the buffer's error. */
int diff_report_text(const struct diff_report *report, struct buffer *ret);
int diff_report_json(const struct diff_report *report, struct buffer *ret);
int diff_report_html(const struct diff_report *report, struct buffer *ret);

/* diff_text.c: head and rows of one comparison. */
void diff_text_add(struct buffer *text, const struct diff *diff, const struct diff_report *report);

#endif
