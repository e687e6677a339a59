#ifndef PIKO_CLI_FAILED_H
#define PIKO_CLI_FAILED_H

#include <stdint.h>

#include "load/load.h"

/* Requests that failed, whatever the reason. */
static inline uint64_t failed_requests(const struct load_stats *stats) {
    uint64_t failed = 0;
    for (int i = 0; i < LOAD_FAILURES; i++)
        failed += stats->failures[i];
    return failed;
}

#endif
