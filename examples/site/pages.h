/* The site's content: Markdown files of one folder, rendered into template.html of the same folder. */
#ifndef SITE_PAGES_H
#define SITE_PAGES_H

#include <stdbool.h>
#include <stddef.h>

#include "text.h"

/* The front page comes in so many editions, each with other notes on it. */
#define PAGES_EDITIONS 8192u

struct page {
    char *name; /* of "cpu.md": "cpu" */
    struct text markdown;
};

/* Read once at start, never changed afterwards: any thread may use it. */
struct pages {
    struct page *pages; /* by name */
    size_t n_pages;
    const struct page *index; /* among pages */
    struct text template;
    struct text *notes; /* notes.md, cut at its "* * *" lines */
    size_t n_notes;
};

/* False when the folder lacks a file; `missing` then tells which. */
bool pages_load(const char *folder, struct pages *ret, struct text *missing);
void pages_done(struct pages *pages);

/* NULL when there is no such page. */
const struct page *pages_find(const struct pages *pages, const char *name);

/* Markdown to a whole page of HTML, added to ret. Its first heading becomes the title. */
void pages_render(const struct pages *pages, const struct text *markdown, struct text *ret);

/* The front page, index.md and the notes of that edition, rendered. */
void pages_render_front(const struct pages *pages, unsigned edition, struct text *ret);

#endif
