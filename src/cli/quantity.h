/* Times and sizes as they are written on a command line. */
#ifndef PIKO_CLI_QUANTITY_H
#define PIKO_CLI_QUANTITY_H

#include <stdint.h>

/* As Go's time.ParseDuration() without signs: "15s", "1m30s", "1.5h", "500ms"; units ns, us, ms, s, m, h. 0, or -EINVAL
 * for anything else, for 0 and for more than 290 years. */
int quantity_parse_time(const char *text, uint64_t *ret_ns);

/* A whole number of bytes, or of KiB, MiB, GiB (also as K, M, G and KB, MB, GB, which mean the same). 0, or -EINVAL for
 * anything else and for 0. */
int quantity_parse_bytes(const char *text, uint64_t *ret);

#endif
