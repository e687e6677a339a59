#include "base/string_set.h"

#include <stdbool.h>

#include "base/cleanup.h"
#include "base/grow.h"
#include "base/utf8.h"

static uint32_t find(const struct string_set *set, uint32_t hash, const char *bytes, size_t size) {
    size_t at = hash;
    for (uint32_t index; (index = hash_table_next(&set->table, hash, &at)) != HASH_NONE;) {
        const struct string_entry *entry = &set->entries[index];
        if (entry->size == size && (size == 0 || memcmp(entry->text, bytes, size) == 0))
            return index;
    }
    return HASH_NONE;
}

uint32_t string_set_find(const struct string_set *set, const char *bytes, size_t size) {
    return find(set, hash_end(hash_bytes(hash_seed(), bytes, size)), bytes, size);
}

static uint32_t store(struct string_set *set, uint32_t hash, const char *bytes, size_t size) {
    if (grow_array(&set->entries, &set->space, set->n_entries, sizeof *set->entries))
        return HASH_NONE;
    char *text = arena_alloc(&set->arena, size + 1);
    if (!text || hash_table_insert(&set->table, hash, set->n_entries))
        return HASH_NONE;
    if (size)
        memcpy(text, bytes, size);
    text[size] = '\0';
    set->entries[set->n_entries] = (struct string_entry){.text = text, .size = size};
    return set->n_entries++;
}

uint32_t string_set_add(struct string_set *set, const char *bytes, size_t size) {
    uint32_t hash = hash_end(hash_bytes(hash_seed(), bytes, size));
    /* What is stored is valid, so what is found is valid too. */
    uint32_t index = find(set, hash, bytes, size);
    if (index != HASH_NONE)
        return index;
    if (utf8_is_valid(bytes, size))
        return store(set, hash, bytes, size);
    _cleanup_buffer_ struct buffer repaired = BUFFER_INIT(0);
    if (utf8_repair(bytes, size, &repaired))
        return HASH_NONE;
    return string_set_add(set, repaired.data, repaired.size);
}

void string_set_done(struct string_set *set) {
    free(set->entries);
    hash_table_done(&set->table);
    arena_done(&set->arena);
    *set = (struct string_set){0};
}
