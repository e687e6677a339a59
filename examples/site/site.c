#include "site.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "work.h"

#define CACHED_PAGES_MAX 2048u
#define WORKERS 2u

bool site_open(const char *content_folder, struct site *ret, struct text *missing) {
    if (!pages_load(content_folder, &ret->pages, missing))
        return false;
    ret->cache = cache_new(CACHED_PAGES_MAX);
    ret->visits = visits_new();
    ret->queue = queue_new(WORKERS);
    return true;
}

void site_close(struct site *site) {
    queue_free(site->queue); /* first: its jobs use the rest */
    visits_free(site->visits);
    cache_free(site->cache);
    pages_done(&site->pages);
}

/* Counting visits is no reason to let a visitor wait: the queue does it. */
struct visit {
    struct visits *visits;
    char path[64];
};

static void count_visit(void *argument) {
    struct visit *visit = argument;
    visits_count(visit->visits, visit->path);
    free(visit);
}

static void count_later(struct site *site, const char *path) {
    struct visit *visit = calloc(1, sizeof *visit);
    if (!visit)
        abort();
    visit->visits = site->visits;
    strncpy(visit->path, path, sizeof visit->path - 1);
    queue_add(site->queue, count_visit, visit);
}

/* Everybody gets some edition; which one has no pattern that a cache could use. */
static unsigned next_edition(void) {
    static atomic_uint_fast64_t visitors;
    uint64_t x = atomic_fetch_add(&visitors, 1) * 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 31)) * 0xbf58476d1ce4e5b9u;
    return (unsigned)((x ^ (x >> 29)) % PAGES_EDITIONS);
}

static void front_page(struct site *site, struct text *ret) {
    struct text path = {0};
    unsigned edition = next_edition();
    text_format(&path, "/edition/%u", edition);
    if (!cache_get(site->cache, path.data, ret)) {
        pages_render_front(&site->pages, edition, ret);
        cache_put(site->cache, path.data, ret);
    }
    free(path.data);
}

static bool content_page(struct site *site, const char *path, struct text *ret) {
    if (cache_get(site->cache, path, ret))
        return true;
    const struct page *page = pages_find(&site->pages, path + 1);
    if (!page)
        return false;
    pages_render(&site->pages, &page->markdown, ret);
    cache_put(site->cache, path, ret);
    return true;
}

/* Pages that are made anew for each visit. False when `path` is none of them. */
static bool work_page(struct site *site, const char *path, struct text *ret) {
    struct text markdown = {0};
    if (strcmp(path, "/work/cpu") == 0)
        work_cpu(&site->pages, &markdown);
    else if (strcmp(path, "/work/allocation") == 0)
        work_allocation(&site->pages, &markdown);
    else if (strcmp(path, "/work/contention") == 0)
        work_contention(site->cache, &markdown);
    else if (strcmp(path, "/work/slow") == 0)
        work_slow(site->queue, &markdown);
    else if (strcmp(path, "/visits") == 0)
        visits_list(site->visits, &markdown);
    else
        return false;
    pages_render(&site->pages, &markdown, ret);
    free(markdown.data);
    return true;
}

bool site_answer(struct site *site, const char *path, struct text *ret) {
    if (strcmp(path, "/") == 0)
        front_page(site, ret);
    else if (!work_page(site, path, ret) && !content_page(site, path, ret))
        return false;
    count_later(site, path);
    return true;
}
