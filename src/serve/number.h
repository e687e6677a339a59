/* Numbers of requests, read as Go's strconv does. */
#ifndef PIKO_SERVE_NUMBER_H
#define PIKO_SERVE_NUMBER_H

#include <stdint.h>

/* A decimal number with an optional sign and nothing around it. 0; -EINVAL with ret 0; or -ERANGE with ret at the end of
 * the range that it passes: Go's callers use the value in spite of the error, and so `ret` is always set here. */
int number_parse(const char *text, int64_t *ret);

/* Seconds with a fraction, "0.2", as nanoseconds; 0 for what is no such number or not above 0, UINT64_MAX when it is too
 * large. */
uint64_t number_parse_seconds(const char *text);

/* A C-like unsigned number (0x…, 0…, decimal) of `size` bytes; 0 when it is none. */
uint64_t number_parse_address(const char *text, uint64_t size);

#endif
