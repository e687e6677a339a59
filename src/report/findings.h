/* What stands out in a run: each a sentence with its number, and the next command to type. */
#ifndef PIKO_REPORT_FINDINGS_H
#define PIKO_REPORT_FINDINGS_H

#include "base/buffer.h"
#include "report/report.h"

#define FINDINGS_MAX 12u

struct finding {
    const char *kind;      /* "lock", "alloc", "cpu", "threads", "build", "symbols", "lost", "load" */
    struct buffer text;    /* one line of printable UTF-8 */
    struct buffer command; /* as a shell takes it; empty = none */
};

struct findings {
    struct finding items[FINDINGS_MAX];
    size_t n;
};

/* 0, -ENOMEM or -EFBIG (see stacks.h). Freed by findings_done(), also after an error. */
int findings_make(const struct report_run *run, const struct report_options *options, struct findings *ret);
void findings_done(struct findings *findings);

/* Append a word as a shell takes it, quoted where it must be. */
void findings_add_quoted(struct buffer *ret, const char *word);

#endif
