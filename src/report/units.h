/* Numbers as people read them. Values of profiles look exactly as in `go tool pprof -top -unit=auto`. */
#ifndef PIKO_REPORT_UNITS_H
#define PIKO_REPORT_UNITS_H

#include <stdint.h>

#define UNITS_TEXT_SIZE 64

struct units_text {
    char text[UNITS_TEXT_SIZE];
};

/* A value of a profile: 1.23s, 12.50MB, 168; "0" without a unit. `unit` is the profile's: "nanoseconds", "bytes",
 * "count"; units that have no scale are not shown. */
struct units_text units_value(int64_t value, const char *unit);

/* A mean of such values; what is too small for two decimals keeps two digits: 9.25us, 0.0043. */
struct units_text units_mean(double value, const char *unit);

/* Share of the whole, without sign, in at most 7 columns: 99.93%, 0.05%, "<0.01%" for more than nothing. */
struct units_text units_percent(int64_t value, int64_t total);

/* A latency, to the microsecond: 812us, 3.068ms, 1.204s. */
struct units_text units_latency(double ns);

#endif
