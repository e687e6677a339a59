/* A set of strings, each stored once and numbered in the order of arrival. */
#ifndef PIKO_BASE_STRING_SET_H
#define PIKO_BASE_STRING_SET_H

#include "base/arena.h"
#include "base/hash.h"

struct string_entry {
    const char *text; /* valid UTF-8, NUL-terminated */
    size_t size;
};

struct string_set {
    struct string_entry *entries;
    uint32_t n_entries, space;
    struct hash_table table;
    struct arena arena;
};

/* Index of the string, which is copied, and repaired to valid UTF-8 without NUL, when it is new.
 * HASH_NONE when memory ran out. */
uint32_t string_set_add(struct string_set *set, const char *bytes, size_t size);
/* Index of a string that was added as it is; HASH_NONE when none was. */
uint32_t string_set_find(const struct string_set *set, const char *bytes, size_t size);
void string_set_done(struct string_set *set);

#endif
