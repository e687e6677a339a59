/* One kind of work each, so that each profile has something to show. All add a few lines of Markdown to ret. */
#ifndef SITE_WORK_H
#define SITE_WORK_H

#include "cache.h"
#include "pages.h"
#include "queue.h"
#include "text.h"

/* CPU: how alike are the site's pages? Compares each with each. */
void work_cpu(const struct pages *pages, struct text *ret);

/* Allocation: which words are used most? Copies every word of every page. */
void work_allocation(const struct pages *pages, struct text *ret);

/* Contention: asks the cache for every edition of the front page, and every time waits for its lock. */
void work_contention(struct cache *cache, struct text *ret);

/* Waiting: a fifth of a second for something slow, in the queue, behind everybody else who does the same. */
void work_slow(struct queue *queue, struct text *ret);

#endif
