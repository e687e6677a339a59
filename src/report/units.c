#include "report/units.h"

#include <ctype.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

struct scale_unit {
    const char *shown;
    const char *aliases[3]; /* lower case, singular */
    double factor;
};

static const struct scale_unit byte_units[] = {
    {"B", {"b", "byte"}, 1.0},
    {"kB", {"kb", "kbyte", "kilobyte"}, 1024.0},
    {"MB", {"mb", "mbyte", "megabyte"}, 1024.0 * 1024},
    {"GB", {"gb", "gbyte", "gigabyte"}, 1024.0 * 1024 * 1024},
    {"TB", {"tb", "tbyte", "terabyte"}, 1024.0 * 1024 * 1024 * 1024},
    {"PB", {"pb", "pbyte", "petabyte"}, 1024.0 * 1024 * 1024 * 1024 * 1024},
    {NULL},
};

static const struct scale_unit time_units[] = {
    {"ns", {"ns", "nanosecond"}, 1.0},  {"us", {"us", "\u03bcs", "microsecond"}, 1e3},
    {"ms", {"ms", "millisecond"}, 1e6}, {"s", {"s", "sec", "second"}, 1e9},
    {"hrs", {"hr", "hour"}, 3600e9},    {NULL},
};

static bool is_alias(const struct scale_unit *unit, const char *name) {
    for (size_t i = 0; i < 3 && unit->aliases[i]; i++)
        if (strcmp(unit->aliases[i], name) == 0)
            return true;
    return false;
}

/* The scale that a profile's unit is on, and its place there; NULL for units without one. */
static const struct scale_unit *find_scale(const char *unit, double *ret_factor) {
    static const struct scale_unit *const scales[] = {byte_units, time_units};
    char name[16];
    size_t length = strlen(unit);
    if (length >= sizeof(name))
        return NULL;
    for (size_t i = 0; i <= length; i++)
        name[i] = (char)tolower((unsigned char)unit[i]);
    if (length > 2 && name[length - 1] == 's')
        name[length - 1] = '\0';
    for (size_t i = 0; i < sizeof(scales) / sizeof(scales[0]); i++) {
        for (const struct scale_unit *at = scales[i]; at->shown; at++) {
            if (!is_alias(at, name))
                continue;
            *ret_factor = at->factor;
            return scales[i];
        }
    }
    return NULL;
}

/* Scale a magnitude to the largest unit that it fills; below the smallest one it stays there. */
static double scale_up(double value, const char *unit, const char **ret_shown) {
    double factor = 1;
    const struct scale_unit *scale = find_scale(unit, &factor);
    *ret_shown = "";
    if (!scale)
        return value;
    value *= factor;
    const struct scale_unit *best = scale;
    for (const struct scale_unit *at = scale; at->shown; at++)
        if (value / at->factor >= 1.0)
            best = at;
    *ret_shown = best->shown;
    return value / best->factor;
}

struct units_text units_value(int64_t value, const char *unit) {
    struct units_text ret;
    char number[48];
    const char *shown;
    double scaled = scale_up(fabs((double)value), unit, &shown);
    snprintf(number, sizeof(number), "%s%.2f", value < 0 ? "-" : "", scaled);
    char *decimals = strstr(number, ".00");
    if (decimals)
        *decimals = '\0';
    bool is_zero = strcmp(number, "0") == 0 || strcmp(number, "-0") == 0;
    snprintf(ret.text, sizeof(ret.text), "%s%s", is_zero ? "0" : number, is_zero ? "" : shown);
    return ret;
}

struct units_text units_mean(double value, const char *unit) {
    struct units_text ret;
    const char *shown;
    double scaled = scale_up(fabs(value), unit, &shown);
    const char *sign = value < 0 ? "-" : "";
    if (scaled == 0)
        snprintf(ret.text, sizeof(ret.text), "0");
    else if (scaled < 0.1)
        snprintf(ret.text, sizeof(ret.text), "%s%.2g%s", sign, scaled, shown);
    else
        snprintf(ret.text, sizeof(ret.text), "%s%.2f%s", sign, scaled, shown);
    return ret;
}

struct units_text units_percent(int64_t value, int64_t total) {
    struct units_text ret;
    double percent = total ? fabs((double)value / (double)total) * 100 : 0;
    if (percent > 0 && percent < 0.005)
        snprintf(ret.text, sizeof(ret.text), "<0.01%%");
    else if (percent >= 99999.5)
        snprintf(ret.text, sizeof(ret.text), ">99999%%");
    else
        snprintf(ret.text, sizeof(ret.text), percent < 999.995 ? "%.2f%%" : "%.0f%%", percent);
    return ret;
}

struct units_text units_latency(double ns) {
    struct units_text ret;
    if (ns >= 999.9995e6)
        snprintf(ret.text, sizeof(ret.text), "%.3fs", ns / 1e9);
    else if (ns >= 999.5e3)
        snprintf(ret.text, sizeof(ret.text), "%.3fms", ns / 1e6);
    else
        snprintf(ret.text, sizeof(ret.text), "%.0fus", ns / 1e3);
    return ret;
}
