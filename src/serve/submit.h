/* Work that outlives its request. */
#ifndef PIKO_SERVE_SUBMIT_H
#define PIKO_SERVE_SUBMIT_H

#include <stdbool.h>

#include "serve/jobs.h"

struct serve;

/* jobs_submit() to the server's own. */
bool serve_submit(struct serve *serve, struct job *job);

#endif
