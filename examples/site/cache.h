/* Rendered pages by their path, for all threads, under one mutex. Full, it forgets the page that was not asked for
 * the longest. */
#ifndef SITE_CACHE_H
#define SITE_CACHE_H

#include <stdbool.h>
#include <stddef.h>

#include "text.h"

struct cache;

struct cache *cache_new(size_t pages_max);
void cache_free(struct cache *cache);

/* True, and a copy of the page for the caller to free, when it is there. A copy, because another thread may make the
 * cache forget the page meanwhile. */
bool cache_get(struct cache *cache, const char *path, struct text *ret);

/* Keep a copy of the page. */
void cache_put(struct cache *cache, const char *path, const struct text *page);

#endif
