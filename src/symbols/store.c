#include "symbols/store.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "symbols/demangle.h"
#include "symbols/limit.h"

#define BLOCK_BYTES 65536
#define FIRST_SLOTS 256

struct store_block {
    struct store_block *next;
    size_t used, size;
    _Alignas(max_align_t) char data[];
};

struct store_string {
    uint64_t hash;
    const char *string; /* NULL = empty slot */
    const char *shown;  /* NULL = not asked yet */
};

void store_done(struct store *store) {
    while (store->blocks) {
        struct store_block *next = store->blocks->next;
        free(store->blocks);
        store->blocks = next;
    }
    free(store->strings);
    *store = (struct store){0};
}

static struct store_block *add_block(struct store *store, size_t size) {
    if (size < BLOCK_BYTES)
        size = BLOCK_BYTES;
    struct store_block *block = calloc(1, sizeof *block + size);
    if (!block)
        return NULL;
    block->size = size;
    block->next = store->blocks;
    store->blocks = block;
    store->bytes += sizeof *block + size;
    return block;
}

static void *take(struct store *store, size_t size, size_t alignment) {
    struct store_block *block = store->blocks;
    size_t start = block ? (block->used + alignment - 1) & ~(alignment - 1) : 0;
    if (!block || start > block->size || block->size - start < size) {
        block = add_block(store, size);
        start = 0;
    }
    if (!block)
        return NULL;
    block->used = start + size;
    return block->data + start;
}

void *store_alloc(struct store *store, size_t size) {
    return take(store, size, _Alignof(void *));
}

static const char *copy(struct store *store, const char *string, size_t length) {
    char *ret = take(store, length + 1, 1);
    if (ret)
        memcpy(ret, string, length);
    return ret;
}

/* FNV-1a */
static uint64_t hash_of(const char *string) {
    uint64_t hash = 0xcbf29ce484222325u;
    for (; *string; string++)
        hash = (hash ^ (unsigned char)*string) * 0x100000001b3u;
    return hash;
}

static struct store_string *find(struct store_string *slots, size_t n_slots, uint64_t hash, const char *string) {
    size_t i = hash & (n_slots - 1);
    while (slots[i].string && (slots[i].hash != hash || strcmp(slots[i].string, string) != 0))
        i = (i + 1) & (n_slots - 1);
    return &slots[i];
}

static int grow(struct store *store) {
    size_t n_slots = store->n_slots ? store->n_slots * 2 : FIRST_SLOTS;
    struct store_string *slots = calloc(n_slots, sizeof *slots);
    if (!slots)
        return -ENOMEM;
    for (size_t i = 0; i < store->n_slots; i++)
        if (store->strings[i].string)
            *find(slots, n_slots, store->strings[i].hash, store->strings[i].string) = store->strings[i];
    free(store->strings);
    store->strings = slots;
    store->bytes += (n_slots - store->n_slots) * sizeof *slots;
    store->n_slots = n_slots;
    return 0;
}

static struct store_string *intern(struct store *store, const char *string) {
    if (store->n_strings * 2 >= store->n_slots && grow(store))
        return NULL;
    uint64_t hash = hash_of(string);
    struct store_string *slot = find(store->strings, store->n_slots, hash, string);
    if (slot->string)
        return slot;
    const char *kept = copy(store, string, strlen(string));
    if (!kept)
        return NULL;
    *slot = (struct store_string){.hash = hash, .string = kept};
    store->n_strings++;
    return slot;
}

const char *store_string(struct store *store, const char *string) {
    struct store_string *slot = intern(store, string);
    return slot ? slot->string : NULL;
}

/* The linker writes the version of an exported function into .symtab: "malloc@@GLIBC_2.2.5". "puts@plt" is ours. */
static size_t length_without_version(const char *name) {
    const char *at = strchr(name, '@');
    return at && at > name && strcmp(at, "@plt") != 0 ? (size_t)(at - name) : strlen(name);
}

static const char *make_shown(struct store *store, const char *name) {
    size_t length = length_without_version(name);
    if (length == strlen(name) && name[0] != '_')
        return name;
    _cleanup_free_ char *plain = strndup(name, length);
    if (!plain)
        return NULL;
    _cleanup_free_ char *demangled = demangle(plain);
    if (!demangled && length == strlen(name))
        return name;
    return demangled ? copy(store, demangled, strlen(demangled)) : copy(store, plain, length);
}

int store_name(struct store *store, const char *name, const char **ret_system, const char **ret_shown) {
    struct store_string *slot = intern(store, name);
    if (!slot)
        return -ENOMEM;
    if (!slot->shown)
        slot->shown = make_shown(store, slot->string);
    if (!slot->shown)
        return -ENOMEM;
    *ret_system = slot->string;
    *ret_shown = slot->shown;
    return 0;
}

bool store_full(const struct store *store) {
    return store->bytes >= LIMIT_STORE_BYTES;
}
