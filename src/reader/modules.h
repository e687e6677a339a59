/* What is mapped where in the target: copied from the segment, so that one profile sees one list. */
#ifndef PIKO_READER_MODULES_H
#define PIKO_READER_MODULES_H

#include "reader/validate.h"

#define MODULES_NONE UINT32_MAX

struct module {
    uint64_t start, limit, offset, bias;
    uint64_t gone_ns; /* 0 = loaded */
    uint32_t record;  /* index in the segment; the first is the program itself */
    char path[SEGMENT_PATH_BYTES];
    char build_id[2 * SEGMENT_BUILD_ID_BYTES + 1]; /* lower-case hex, or "" */
};

struct modules {
    struct module *list; /* ascending by start */
    uint32_t n;
    uint32_t main; /* index of the program itself, or MODULES_NONE */
};

/* 0 or -ENOMEM. modules_done() frees the content. */
int modules_take(const struct view *view, struct modules *ret);
void modules_done(struct modules *modules);

/* Index of the module that holds the address (a loaded one before one that is gone, of those the last to go), or
 * MODULES_NONE. */
uint32_t modules_find(const struct modules *modules, uint64_t address);

#endif
