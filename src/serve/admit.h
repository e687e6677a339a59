/* Whether a request may be made at all: by its header alone, before anything else of it is looked at. */
#ifndef PIKO_SERVE_ADMIT_H
#define PIKO_SERVE_ADMIT_H

#include "serve/access.h"
#include "serve/request.h"

/* False with the refusal in request->answer. */
bool admit(struct request *request, const struct access *access);

#endif
