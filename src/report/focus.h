/* A regular expression that names are held against, as `go tool pprof -focus` does (PCRE2, with match limits: a user's
 * expression cannot hang us). */
#ifndef PIKO_REPORT_FOCUS_H
#define PIKO_REPORT_FOCUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct focus;

/* 0, -ENOMEM, or -EINVAL with the expression, what is wrong and where in `why`. */
int focus_new(const char *expression, struct focus **ret, char *why, size_t why_size);
void focus_free(struct focus *focus); /* takes NULL */

const char *focus_expression(const struct focus *focus);

/* How many names the expression took too many steps for; they count as not matching (see report/pattern.h). */
uint64_t focus_overruns(const struct focus *focus);

/* Whether the expression matches one name. Threads: one at a time per focus. */
bool focus_matches(const struct focus *focus, const char *name);

#endif
