/* The site as files, for a server that knows nothing of it. */
#ifndef SITE_GENERATE_H
#define SITE_GENERATE_H

#include <stdbool.h>

struct generate_options {
    const char *content_folder, *output_folder;
    unsigned threads;
    unsigned editions; /* of the front page, 1 to PAGES_EDITIONS */
};

/* Render all pages and so many editions of the front page into the output folder, which is made. False when it could not:
 * why is on standard error. */
bool generate(const struct generate_options *options);

#endif
