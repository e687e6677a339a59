#include "report/text.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static const char rule[] = "========================================================================\n";

/* Bytes of the UTF-8 sequence at `at` and its character, 0 when it is none. Ends at the NUL, never beyond. */
static size_t decode(const unsigned char *at, uint32_t *ret) {
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t size = at[0] < 0x80 ? 1 : at[0] < 0xC2 ? 0 : at[0] < 0xE0 ? 2 : at[0] < 0xF0 ? 3 : at[0] < 0xF5 ? 4 : 0;
    if (size == 0)
        return 0;
    uint32_t character = size == 1 ? at[0] : at[0] & (0x7Fu >> size);
    for (size_t i = 1; i < size; i++) {
        if ((at[i] & 0xC0) != 0x80)
            return 0;
        character = character << 6 | (at[i] & 0x3F);
    }
    if (character < least[size] || character > 0x10FFFF || (character >= 0xD800 && character < 0xE000))
        return 0;
    *ret = character;
    return size;
}

/* C0 and C1 controls, line separators, what reorders or hides text. */
static bool is_unsafe(uint32_t character) {
    return character < 0x20 || (character >= 0x7F && character < 0xA0) ||
           (character >= 0x200B && character <= 0x200F) || (character >= 0x2028 && character <= 0x202E) ||
           (character >= 0x2060 && character <= 0x206F) || character == 0x061C || character == 0xFEFF;
}

void text_add_safe(struct buffer *text, const char *string) {
    const unsigned char *at = (const unsigned char *)string;
    const unsigned char *plain = at; /* start of what is added as it is */
    while (*at) {
        uint32_t character = 0;
        size_t size = decode(at, &character);
        if (size > 0 && !is_unsafe(character)) {
            at += size;
            continue;
        }
        buffer_add(text, plain, (size_t)(at - plain));
        buffer_add_string(text, "?");
        at += size ? size : 1;
        plain = at;
    }
    buffer_add(text, plain, (size_t)(at - plain));
}

void text_make_ascii(struct buffer *text) {
    size_t n = 0;
    for (size_t i = 0; i < text->size; i++) {
        unsigned char c = (unsigned char)text->data[i];
        if (c < 0x80)
            text->data[n++] = (char)c;
        else if (c >= 0xC0)
            text->data[n++] = '?';
    }
    if (text->data)
        text->data[n] = '\0';
    text->size = n;
}

void text_title(struct buffer *text, const char *title) {
    if (text->size > 0)
        buffer_add_string(text, "\n");
    buffer_add_string(text, rule);
    text_add_safe(text, title);
    buffer_add_string(text, "\n");
    buffer_add_string(text, rule);
}
