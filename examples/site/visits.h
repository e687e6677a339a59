/* How often each page was asked for. */
#ifndef SITE_VISITS_H
#define SITE_VISITS_H

#include "text.h"

struct visits;

struct visits *visits_new(void);
void visits_free(struct visits *visits);

/* Count one; `path` is one of the site's own, so that there are few. */
void visits_count(struct visits *visits, const char *path);

/* The list as Markdown. */
void visits_list(struct visits *visits, struct text *ret);

#endif
