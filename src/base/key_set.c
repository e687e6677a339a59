#include "base/key_set.h"

#include "base/grow.h"

static uint32_t hash_of(const struct key_set *set, uint64_t key) {
    return hash_end(hash_word(set->seed, key));
}

uint32_t key_set_add(struct key_set *set, uint64_t key) {
    if (!set->seed)
        set->seed = hash_seed();
    uint32_t index = key_set_find(set, key);
    if (index != HASH_NONE)
        return index;
    if (grow_array(&set->keys, &set->space, set->n, sizeof *set->keys) ||
        hash_table_insert(&set->table, hash_of(set, key), set->n))
        return HASH_NONE;
    set->keys[set->n] = key;
    return set->n++;
}

void key_set_keep(struct key_set *set, uint32_t n) {
    if (set->table.n_slots)
        memset(set->table.slots, 0, set->table.n_slots * sizeof *set->table.slots);
    set->table.n_used = 0;
    set->n = n;
    for (uint32_t i = 0; i < n; i++) /* cannot fail: there was room for as many */
        hash_table_insert(&set->table, hash_of(set, set->keys[i]), i);
}

void key_set_done(struct key_set *set) {
    free(set->keys);
    hash_table_done(&set->table);
    *set = (struct key_set){0};
}
