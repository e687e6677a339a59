/* baseline.stats, cpu.pprof.stats, …: the load figures of one phase as "key: value" lines. The form is the Go Piko's: two
 * comment lines, a blank one, seven keys, values from column 21. What it does not have follows after them. */
#ifndef PIKO_CLI_STATS_FILE_H
#define PIKO_CLI_STATS_FILE_H

#include <stdint.h>

#include "base/buffer.h"
#include "load/load.h"

struct stats_file {
    const char *phase;
    const char *url;
    unsigned concurrency;
    unsigned rate; /* of the open model; 0 = closed */
    const struct load_stats *stats;
};

/* Requests that the server answered, with whatever status: what figures per request are divided by. */
uint64_t profiled_requests(const struct load_stats *stats);

/* Append the file's content. 0 or the buffer's error. */
int stats_file_write(const struct stats_file *file, struct buffer *ret);

/* How many requests a saved file of that path says were completed; 0 when it cannot be read or does not say. The Go
 * Piko's files count all, the failed ones too. */
uint64_t stats_file_requests(const char *path);

#endif
