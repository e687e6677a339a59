/* The endpoints of execution traces. */
#ifndef PIKO_SERVE_TRACE_H
#define PIKO_SERVE_TRACE_H

#include "serve/request.h"

/* Each trace is told event by event for itself, at the program's cost: with more than these at once the next is a 503. */
#define TRACE_TAKEN_MAX 4u

/* Either the answer is there afterwards, or request->job is to be submitted. */
void trace_start(struct request *request);        /* trace?seconds=…: recorded from now on, and sent meanwhile */
void trace_start_recent(struct request *request); /* the rolling trace */

#endif
