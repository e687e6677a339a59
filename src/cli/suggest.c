#include "cli/suggest.h"

#include <string.h>

#define WORD_MAX 32u

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

/* Levenshtein distance by one row; longer words are as far as can be. */
static size_t distance(const char *a, size_t a_length, const char *b, size_t b_length) {
    size_t row[WORD_MAX + 1];
    if (a_length > WORD_MAX || b_length > WORD_MAX)
        return WORD_MAX;
    for (size_t j = 0; j <= b_length; j++)
        row[j] = j;
    for (size_t i = 1; i <= a_length; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            size_t replaced = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            row[j] = least(replaced, least(row[j], row[j - 1]) + 1);
        }
    }
    return row[b_length];
}

const char *suggest_closer(const char *word, size_t length, const char *candidate, const char *best) {
    size_t allowed = length / 3 > 2 ? length / 3 : 2;
    size_t far = distance(word, length, candidate, strlen(candidate));
    if (far > allowed || far >= strlen(candidate))
        return best;
    if (best && distance(word, length, best, strlen(best)) <= far)
        return best;
    return candidate;
}
