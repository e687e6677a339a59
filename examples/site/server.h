/* The site over HTTP. */
#ifndef SITE_SERVER_H
#define SITE_SERVER_H

#include "site.h"

struct MHD_Daemon;

/* Serve on http://localhost:PORT/ with so many threads. NULL with errno set on failure. */
struct MHD_Daemon *server_start(struct site *site, unsigned short port, unsigned threads);
void server_stop(struct MHD_Daemon *server);

#endif
