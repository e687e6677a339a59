#include "base/utf8.h"

#include <stdint.h>
#include <string.h>

#define REPLACEMENT "\xef\xbf\xbd"
#define HIGH_BITS 0x8080808080808080ull
#define LOW_BITS 0x0101010101010101ull

/* Number of continuation bytes, and the range of the first one, which excludes overlong forms, surrogates and values
 * above U+10FFFF. */
static size_t continuation(unsigned char lead, unsigned char *ret_low, unsigned char *ret_high) {
    *ret_low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    *ret_high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    if (lead >= 0xc2 && lead <= 0xdf)
        return 1;
    if (lead >= 0xe0 && lead <= 0xef)
        return 2;
    return lead >= 0xf0 && lead <= 0xf4 ? 3 : 0;
}

size_t utf8_character(const char *text, size_t size) {
    const unsigned char *bytes = (const unsigned char *)text;
    if (bytes[0] < 0x80)
        return 1;
    unsigned char low, high;
    size_t more = continuation(bytes[0], &low, &high);
    if (more == 0 || more >= size || bytes[1] < low || bytes[1] > high)
        return 0;
    for (size_t i = 2; i <= more; i++)
        if ((bytes[i] & 0xc0) != 0x80)
            return 0;
    return more + 1;
}

/* Bytes at the start that are plain ASCII without NUL, counted by eights. */
static size_t plain_prefix(const char *text, size_t size) {
    size_t at = 0;
    for (uint64_t word; size - at >= sizeof word; at += sizeof word) {
        memcpy(&word, text + at, sizeof word);
        if ((word | (word - LOW_BITS)) & HIGH_BITS)
            break;
    }
    return at;
}

static size_t valid_prefix(const char *text, size_t size) {
    size_t at = plain_prefix(text, size);
    while (at < size && text[at]) {
        size_t length = utf8_character(text + at, size - at);
        if (!length)
            break;
        at += length;
    }
    return at;
}

bool utf8_is_valid(const char *text, size_t size) {
    return valid_prefix(text, size) == size;
}

int utf8_repair(const char *text, size_t size, struct buffer *ret) {
    while (size) {
        size_t valid = valid_prefix(text, size);
        buffer_add(ret, text, valid);
        if (valid < size) {
            buffer_add(ret, REPLACEMENT, sizeof REPLACEMENT - 1);
            valid++;
        }
        text += valid;
        size -= valid;
    }
    return ret->error;
}
