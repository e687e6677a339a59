#include "base/hash.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/random.h>
#include <time.h>

uint64_t hash_seed(void) {
    static _Atomic uint64_t seed; /* any thread may be first: all of them then use the number that won */
    uint64_t value = atomic_load_explicit(&seed, memory_order_relaxed);
    if (value)
        return value;
    if (getrandom(&value, sizeof value, GRND_NONBLOCK) != sizeof value)
        value = (uint64_t)clock() ^ (uint64_t)(uintptr_t)&value;
    value |= 1;
    uint64_t winner = 0;
    return atomic_compare_exchange_strong(&seed, &winner, value) ? value : winner;
}

static void put(struct hash_table *table, struct hash_slot slot) {
    size_t at = slot.hash & (table->n_slots - 1);
    while (table->slots[at].index_plus_1)
        at = (at + 1) & (table->n_slots - 1);
    table->slots[at] = slot;
}

static int grow(struct hash_table *table) {
    struct hash_table larger = {.n_slots = table->n_slots ? table->n_slots * 2 : 16};
    larger.slots = calloc(larger.n_slots, sizeof *larger.slots);
    if (!larger.slots)
        return -ENOMEM;
    larger.n_used = table->n_used;
    for (size_t i = 0; i < table->n_slots; i++)
        if (table->slots[i].index_plus_1)
            put(&larger, table->slots[i]);
    free(table->slots);
    *table = larger;
    return 0;
}

int hash_table_insert(struct hash_table *table, uint32_t hash, uint32_t index) {
    if (table->n_used * 2 >= table->n_slots && grow(table))
        return -ENOMEM;
    put(table, (struct hash_slot){.hash = hash, .index_plus_1 = index + 1});
    table->n_used++;
    return 0;
}

void hash_table_done(struct hash_table *table) {
    free(table->slots);
    *table = (struct hash_table){0};
}
