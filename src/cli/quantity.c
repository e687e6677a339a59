#include "cli/quantity.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"

static const struct {
    const char *name;
    double ns;
} times[] = {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}};

/* Digits with at most one point, and the unit behind them; moves `text` behind both. */
static double parse_part(const char **text) {
    size_t digits = strspn(*text, "0123456789.");
    char *end;
    double number = strtod(*text, &end);
    if (!digits || end != *text + digits)
        return -1;
    size_t unit = strspn(end, "nusmh");
    for (size_t i = 0; i < sizeof times / sizeof *times; i++)
        if (strlen(times[i].name) == unit && !strncmp(end, times[i].name, unit)) {
            *text = end + unit;
            return number * times[i].ns;
        }
    return -1;
}

int quantity_parse_time(const char *text, uint64_t *ret_ns) {
    double ns = 0;
    do {
        double part = parse_part(&text);
        if (part < 0)
            return -EINVAL;
        ns += part;
    } while (*text);
    if (ns < 1 || ns > 9.2e18)
        return -EINVAL;
    *ret_ns = (uint64_t)ns;
    return 0;
}

int quantity_parse_bytes(const char *text, uint64_t *ret) {
    static const char *const units[] = {"", "K", "KB", "KiB", "M", "MB", "MiB", "G", "GB", "GiB"};
    static const uint64_t factors[] = {1, 1u << 10, 1u << 20, 1u << 30};
    char *end;
    errno = 0;
    if (*text < '0' || *text > '9')
        return -EINVAL;
    uint64_t number = strtoull(text, &end, 10), bytes;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strcasecmp(end, units[i]) != 0)
            continue;
        if (errno || !number || __builtin_mul_overflow(number, factors[(i + 2) / 3], &bytes))
            return -EINVAL;
        *ret = bytes;
        return 0;
    }
    return -EINVAL;
}
