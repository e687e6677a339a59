#include "report/names.h"

#include <string.h>

#include "base/cleanup.h"

size_t name_width(const char *name) {
    size_t n = 0;
    for (; *name; name++)
        n += ((unsigned char)*name & 0xC0) != 0x80;
    return n;
}

static bool starts_with(const char *at, const char *what) {
    return strncmp(at, what, strlen(what)) == 0;
}

/* Where the bracket that opens at `open` closes, or NULL. "->" and the like close nothing. */
static const char *closing(const char *open) {
    char opens = *open, closes = opens == '<' ? '>' : ')';
    size_t depth = 0;
    for (const char *at = open; *at; at++) {
        if (*at == opens)
            depth++;
        if (*at == closes && at[-1] != '-' && --depth == 0)
            return at;
    }
    return NULL;
}

/* A bracket that is part of the name itself: operator<, operator(), (anonymous namespace), <T as Trait>::f. */
static bool belongs_to_name(const char *name, const char *at) {
    static const char operator_word[] = "operator";
    const size_t length = sizeof(operator_word) - 1;
    if (at == name || starts_with(at, "(anonymous namespace)"))
        return true;
    if (*at == '<' && at[-1] == '<') /* operator<< */
        at--;
    return (size_t)(at - name) >= length && memcmp(at - length, operator_word, length) == 0;
}

/* Copy the name with what stands in brackets of that kind left out. */
static void empty_brackets(const char *name, char bracket, const char *gap, struct buffer *ret) {
    for (const char *at = name; *at; at++) {
        const char *end = *at == bracket && !belongs_to_name(name, at) ? closing(at) : NULL;
        buffer_add(ret, at, 1);
        if (end && end > at + 1) {
            buffer_add_string(ret, gap);
            at = end - 1;
        }
    }
}

static const char *skip_characters(const char *at, size_t n) {
    while (*at && n > 0) {
        at++;
        if (((unsigned char)*at & 0xC0) != 0x80)
            n--;
    }
    return at;
}

/* Its end, from a component's start where one fits, and else a piece of its beginning and of its end. */
static void keep_end(const char *name, size_t width, const char *gap, struct buffer *ret) {
    size_t room = width - name_width(gap), all = name_width(name);
    const char *end = skip_characters(name, all - room);
    const char *component = strstr(end, "::");
    if (component && name_width(component) > 4) {
        buffer_add_string(ret, gap);
        buffer_add_string(ret, component);
        return;
    }
    const char *head = skip_characters(name, room / 2);
    buffer_add(ret, name, (size_t)(head - name));
    buffer_add_string(ret, gap);
    buffer_add_string(ret, skip_characters(name, all - (room - room / 2)));
}

void name_shorten(const char *name, size_t width, bool utf8, struct buffer *ret) {
    const char *gap = utf8 ? "\u2026" : "..";
    _cleanup_buffer_ struct buffer without_parameters = BUFFER_INIT(0), bare = BUFFER_INIT(0);
    if (name_width(name) <= width) {
        buffer_add_string(ret, name);
        return;
    }
    empty_brackets(name, '(', gap, &without_parameters);
    const char *shorter = without_parameters.data ? without_parameters.data : name;
    if (name_width(shorter) > width) {
        empty_brackets(shorter, '<', gap, &bare);
        shorter = bare.data ? bare.data : shorter;
    }
    if (name_width(shorter) <= width)
        buffer_add_string(ret, shorter);
    else
        keep_end(shorter, width, gap, ret);
}
