/* Hashing, and tables from hashes to indexes of an array.
 *
 * The hash is keyed with a random number of the process, so that hostile input cannot be made of collisions. */
#ifndef PIKO_BASE_HASH_H
#define PIKO_BASE_HASH_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define HASH_NONE UINT32_MAX

uint64_t hash_seed(void);

static inline uint64_t hash_word(uint64_t hash, uint64_t word) {
    unsigned __int128 product = (unsigned __int128)(hash ^ word) * 0x9e3779b97f4a7c15ull;
    return (uint64_t)product ^ (uint64_t)(product >> 64) ^ hash << 1;
}

static inline uint64_t hash_bytes(uint64_t hash, const void *data, size_t size) {
    const char *bytes = data;
    uint64_t word;
    hash = hash_word(hash, size);
    for (; size >= sizeof word; size -= sizeof word, bytes += sizeof word) {
        memcpy(&word, bytes, sizeof word);
        hash = hash_word(hash, word);
    }
    word = 0;
    memcpy(&word, bytes, size);
    return hash_word(hash, word);
}

/* Spread what is left unevenly by the last step; the table takes the low bits. */
static inline uint32_t hash_end(uint64_t hash) {
    hash = hash_word(hash, 0);
    return (uint32_t)(hash ^ hash >> 32);
}

/* Open addressing: from hashes to indexes of an array that the caller keeps. */
struct hash_slot {
    uint32_t hash;
    uint32_t index_plus_1; /* 0 = free */
};

struct hash_table {
    struct hash_slot *slots;
    size_t n_slots; /* a power of two, or 0 */
    size_t n_used;
};

/* Indexes that were inserted under a hash, one a call: start with *at = hash; HASH_NONE ends it. */
static inline uint32_t hash_table_next(const struct hash_table *table, uint32_t hash, size_t *at) {
    if (!table->n_slots)
        return HASH_NONE;
    for (;;) {
        const struct hash_slot *slot = &table->slots[(*at)++ & (table->n_slots - 1)];
        if (!slot->index_plus_1)
            return HASH_NONE;
        if (slot->hash == hash)
            return slot->index_plus_1 - 1;
    }
}

/* 0 or -ENOMEM, which leaves the table as it was. `index` is below HASH_NONE. */
int hash_table_insert(struct hash_table *table, uint32_t hash, uint32_t index);
void hash_table_done(struct hash_table *table);

#endif
