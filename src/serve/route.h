/* From a path to an endpoint. */
#ifndef PIKO_SERVE_ROUTE_H
#define PIKO_SERVE_ROUTE_H

#include "serve/request.h"

/* `path` is decoded, without the query. Either request->answer is there afterwards, or request->job is to be
 * submitted. A HEAD is answered at once, with the headers of a GET. */
void route_start(struct request *request, const char *path);

#endif
