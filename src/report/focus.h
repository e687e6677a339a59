/* --focus: samples in which any frame's function name (or file name) matches a regular expression (PCRE2, with match
 * limits: a user's expression cannot hang us). */
#ifndef PIKO_REPORT_FOCUS_H
#define PIKO_REPORT_FOCUS_H

#include <stdbool.h>
#include <stddef.h>

#include "profile/profile.h"

struct focus;

/* 0, -ENOMEM, or -EINVAL with the expression, what is wrong and where in `why`. */
int focus_new(const char *expression, struct focus **ret, char *why, size_t why_size);
void focus_free(struct focus *focus); /* takes NULL */

/* Whether the sample is kept. NULL keeps all. */
bool focus_keeps(const struct focus *focus, const struct profile *profile, const struct profile_sample *sample);

#endif
