/* The site: which path gives which page. Knows nothing of HTTP. */
#ifndef SITE_SITE_H
#define SITE_SITE_H

#include <stdbool.h>

#include "cache.h"
#include "pages.h"
#include "queue.h"
#include "text.h"
#include "visits.h"

struct site {
    struct pages pages;
    struct cache *cache;
    struct queue *queue;
    struct visits *visits;
};

/* False when the folder of the content lacks a file; `missing` then tells which. */
bool site_open(const char *content_folder, struct site *ret, struct text *missing);
void site_close(struct site *site);

/* The HTML of the page at `path`, for the caller to free; false when there is none. Threads: any number at once. */
bool site_answer(struct site *site, const char *path, struct text *ret);

#endif
