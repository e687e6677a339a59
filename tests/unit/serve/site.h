/* A server on any free port, over a segment made by hand with something in every table. */
#ifndef PIKO_TESTS_SERVE_SITE_H
#define PIKO_TESTS_SERVE_SITE_H

#include "fake.h"
#include "reader/reader.h"
#include "serve/serve.h"

struct site {
    struct fake fake;
    struct reader *reader;
    struct serve *serve;
    uint16_t port;
};

/* 0 or a negative errno. */
int site_start(struct site *site);
void site_stop(struct site *site);

#endif
