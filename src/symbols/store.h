/* Memory of the answers: lives until symbols_free(), only grows, holds each string once. */
#ifndef PIKO_SYMBOLS_STORE_H
#define PIKO_SYMBOLS_STORE_H

#include <stdbool.h>
#include <stddef.h>

struct store_block;
struct store_string;

struct store {
    struct store_block *blocks;   /* the newest first */
    struct store_string *strings; /* open addressing, a power of two */
    size_t n_strings, n_slots;
    size_t bytes; /* taken from malloc */
};

/* Free everything; the store is empty afterwards. A zeroed store is an empty one. */
void store_done(struct store *store);

/* Zeroed memory, aligned for any pointer, or NULL without memory. */
void *store_alloc(struct store *store, size_t size);

/* The one copy of a string, or NULL without memory. */
const char *store_string(struct store *store, const char *string);

/* The same for the name of a function, and how it is shown: without a version ("@@GLIBC_2.34"), demangled. A name is
 * demangled once. 0 or -ENOMEM. */
int store_name(struct store *store, const char *name, const char **ret_system, const char **ret_shown);

/* Whether nothing more should be added: LIMIT_STORE_BYTES. */
bool store_full(const struct store *store);

#endif
