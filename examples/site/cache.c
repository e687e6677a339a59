#include "cache.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct entry {
    char *path;
    struct text page;
    uint64_t used; /* value of cache->clock when it was last asked for */
};

struct cache {
    pthread_mutex_t mutex; /* guards all below */
    struct entry *entries;
    size_t n_entries, pages_max;
    uint64_t clock; /* counts lookups */
};

struct cache *cache_new(size_t pages_max) {
    struct cache *cache = calloc(1, sizeof *cache);
    struct entry *entries = calloc(pages_max, sizeof *entries);
    if (!cache || !entries)
        abort();
    pthread_mutex_init(&cache->mutex, NULL);
    cache->entries = entries;
    cache->pages_max = pages_max;
    return cache;
}

static void forget(struct entry *entry) {
    free(entry->path);
    free(entry->page.data);
    *entry = (struct entry){0};
}

void cache_free(struct cache *cache) {
    for (size_t i = 0; i < cache->n_entries; i++)
        forget(&cache->entries[i]);
    pthread_mutex_destroy(&cache->mutex);
    free(cache->entries);
    free(cache);
}

/* Looks at one entry after the other, with the mutex held. Right for the dozen pages that this site began with; with a
 * thousand, it is what the mutex profile points at. */
static struct entry *find(struct cache *cache, const char *path) {
    for (size_t i = 0; i < cache->n_entries; i++)
        if (strcmp(cache->entries[i].path, path) == 0)
            return &cache->entries[i];
    return NULL;
}

/* A free entry, made by forgetting the least recently used one when there is none. */
static struct entry *make_room(struct cache *cache) {
    if (cache->n_entries < cache->pages_max)
        return &cache->entries[cache->n_entries++];
    struct entry *oldest = &cache->entries[0];
    for (size_t i = 1; i < cache->n_entries; i++)
        if (cache->entries[i].used < oldest->used)
            oldest = &cache->entries[i];
    forget(oldest);
    return oldest;
}

bool cache_get(struct cache *cache, const char *path, struct text *ret) {
    pthread_mutex_lock(&cache->mutex);
    struct entry *entry = find(cache, path);
    cache->clock++;
    if (entry) {
        entry->used = cache->clock;
        text_add(ret, entry->page.data, entry->page.size);
    }
    pthread_mutex_unlock(&cache->mutex);
    return entry != NULL;
}

void cache_put(struct cache *cache, const char *path, const struct text *page) {
    pthread_mutex_lock(&cache->mutex);
    if (!find(cache, path)) { /* another thread may have rendered the same page */
        struct entry *entry = make_room(cache);
        entry->path = strdup(path);
        if (!entry->path)
            abort();
        text_add(&entry->page, page->data, page->size);
        entry->used = cache->clock;
    }
    pthread_mutex_unlock(&cache->mutex);
}
