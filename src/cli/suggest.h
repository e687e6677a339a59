/* "Did you mean …?": the closest known word by edits. */
#ifndef PIKO_CLI_SUGGEST_H
#define PIKO_CLI_SUGGEST_H

#include <stddef.h>

/* Which of `candidate` and `best` (NULL = none yet) is closer to the `length` bytes at `word`. NULL when neither is close:
 * a word may differ by a third of its letters, two at least. Ties go to `best`. */
const char *suggest_closer(const char *word, size_t length, const char *candidate, const char *best);

#endif
