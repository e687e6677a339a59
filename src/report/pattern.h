/* One regular expression that cannot hang or exhaust us, whatever it is and whatever it is matched with: PCRE2's
 * interpreter under limits for one match, and a budget of CPU time for all matches of the pattern together. */
#ifndef PIKO_REPORT_PATTERN_H
#define PIKO_REPORT_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PATTERN_LENGTH_MAX 65536u       /* bytes of an expression */
#define PATTERN_STEPS_MAX 100000u       /* backtracking steps of one match */
#define PATTERN_HEAP_KIB_MAX 16384u     /* memory of one match */
#define PATTERN_FREE_NS 2000u           /* CPU time that any match may take: an ordinary one takes a tenth */
#define PATTERN_BUDGET_NS 1000000000ull /* CPU time beyond that, of all matches together */

struct pattern;

/* 0, -ENOMEM, or -EINVAL with what is wrong and at which byte in `why` (may be NULL). */
int pattern_new(const char *expression, struct pattern **ret, char *why, size_t why_size);
void pattern_free(struct pattern *pattern); /* takes NULL */

/* Whether the expression matches anywhere in the text. A match that runs into a limit counts as none, and once the
 * budget is used up so does every further one: pattern_overruns() tells how many were cut short so. */
bool pattern_matches(struct pattern *pattern, const char *text, size_t size);
uint64_t pattern_overruns(const struct pattern *pattern);

#endif
