/* A set of 64-bit keys, numbered in the order of arrival: the front of a table whose rows the caller keeps. */
#ifndef PIKO_BASE_KEY_SET_H
#define PIKO_BASE_KEY_SET_H

#include "base/hash.h"

struct key_set {
    uint64_t *keys;
    uint32_t n, space;
    struct hash_table table;
    uint64_t seed;
};

static inline uint32_t key_set_find(const struct key_set *set, uint64_t key) {
    uint32_t hash = hash_end(hash_word(set->seed, key));
    size_t at = hash;
    for (uint32_t index; (index = hash_table_next(&set->table, hash, &at)) != HASH_NONE;)
        if (set->keys[index] == key)
            return index;
    return HASH_NONE;
}

/* Index of the key, which is added when it is new: it is then the old `n`. HASH_NONE when memory ran out. */
uint32_t key_set_add(struct key_set *set, uint64_t key);

/* Forget all keys but the first n: a caller that forgets some moves those that it keeps to the front of `keys` (and their
 * rows) before. Keeps the memory. */
void key_set_keep(struct key_set *set, uint32_t n);
void key_set_done(struct key_set *set);

#endif
