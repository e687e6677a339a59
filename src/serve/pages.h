/* The index and the status. */
#ifndef PIKO_SERVE_PAGES_H
#define PIKO_SERVE_PAGES_H

#include "serve/request.h"

#define PAGES_PPROF_PATH "/_piko/debug/pprof"
#define PAGES_STATUS_PATH "/_piko/profiler/status"
#define PAGES_RECENT_PATH "/_piko/profiler/trace/recent"

/* Fill request->answer. */
void pages_index(struct request *request);
void pages_status(struct request *request);

#endif
