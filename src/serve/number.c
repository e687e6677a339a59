#include "serve/number.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ADDRESS_CHARACTERS_MAX 24u

int number_parse(const char *text, int64_t *ret) {
    const char *digits = text + (*text == '-' || *text == '+');
    *ret = 0;
    if (!*digits || digits[strspn(digits, "0123456789")])
        return -EINVAL;
    errno = 0;
    *ret = strtoll(text, NULL, 10);
    return errno ? -ERANGE : 0;
}

uint64_t number_parse_seconds(const char *text) {
    char *end;
    if (!*text || text[strspn(text, "0123456789.eE+-")])
        return 0;
    double seconds = strtod(text, &end);
    if (*end || !(seconds > 0))
        return 0;
    return seconds < 1e9 ? (uint64_t)(seconds * 1e9) : UINT64_MAX;
}

uint64_t number_parse_address(const char *text, uint64_t size) {
    char copy[ADDRESS_CHARACTERS_MAX + 1];
    if (!size || size > ADDRESS_CHARACTERS_MAX || !isdigit((unsigned char)*text))
        return 0;
    memcpy(copy, text, size);
    copy[size] = '\0';
    char *end;
    errno = 0;
    uint64_t value = strtoull(copy, &end, 0);
    return errno || *end ? 0 : value;
}
