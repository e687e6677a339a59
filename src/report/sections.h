/* The sections of the text report. Each appends itself; errors stick to the buffer, so the caller checks once. */
#ifndef PIKO_REPORT_SECTIONS_H
#define PIKO_REPORT_SECTIONS_H

#include "base/buffer.h"
#include "report/report.h"

/* load_section.c: figures of the baseline. */
void section_load(struct buffer *text, const struct report_run *run);

/* profile_section.c: all tables of one phase, or why there are none. 0 or -ENOMEM. */
int section_profile(struct buffer *text, const struct report_phase *phase, const struct report_options *options);

/* churn_section.c: what the load allocated, whole and for one request; nothing without an allocation profile. */
void section_churn(struct buffer *text, const struct report_phase *allocs);

/* growth_section.c: what stayed of it, by stack; nothing when nothing did. 0, -ENOMEM or -EFBIG. */
int section_growth(struct buffer *text, const struct report_phase *allocs, const struct report_options *options);

/* contention_section.c: who held locks and who waited; either phase may be NULL. 0, -ENOMEM or -EFBIG. */
int section_contention(struct buffer *text, const struct report_phase *mutex, const struct report_phase *block,
                       const struct report_options *options);

/* findings_section.c: what stands out, nothing when nothing does. 0, -ENOMEM or -EFBIG. */
int section_findings(struct buffer *text, const struct report_run *run, const struct report_options *options);

#endif
