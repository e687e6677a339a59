#include "load/figures.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"

struct figure figure_count(uint64_t count) {
    struct figure ret;
    char digits[24];
    int n = snprintf(digits, sizeof digits, "%" PRIu64, count);
    char *end = ret.text;
    for (int i = 0; i < n; i++) {
        if (i > 0 && (n - i) % 3 == 0)
            *end++ = ',';
        *end++ = digits[i];
    }
    *end = '\0';
    return ret;
}

struct figure figure_latency(uint64_t ns) {
    struct figure ret;
    double value = (double)ns / (double)NS_PER_US;
    const char *unit = "us";
    if (ns >= NS_PER_S) {
        value = (double)ns / (double)NS_PER_S;
        unit = "s";
    } else if (ns >= NS_PER_MS) {
        value = (double)ns / (double)NS_PER_MS;
        unit = "ms";
    }
    int decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
    snprintf(ret.text, sizeof ret.text, "%.*f%s", decimals, value, unit);
    return ret;
}
