#include "probe/preload/settings.h"

#include <stddef.h>

/* Digits up to a comma or the end; NULL when there are none or the number is too large. */
static const char *parse_number(const char *text, uint64_t most, uint64_t *ret) {
    uint64_t number = 0;
    const char *digit = text;
    for (; *digit >= '0' && *digit <= '9'; digit++) {
        unsigned value = (unsigned)(*digit - '0');
        if (number > (most - value) / 10)
            return NULL;
        number = number * 10 + value;
    }
    if (digit == text || (*digit && *digit != ','))
        return NULL;
    *ret = number;
    return *digit ? digit + 1 : digit;
}

static const char *parse_name(const char *text, char name[HELLO_NAME_BYTES]) {
    size_t n = 0;
    for (; text[n] && text[n] != ','; n++) {
        if (n + 1 == HELLO_NAME_BYTES)
            return NULL;
        name[n] = text[n];
    }
    name[n] = '\0';
    return n && text[n] ? text + n + 1 : NULL;
}

bool settings_parse(const char *text, struct settings *ret) {
    struct settings settings = {.program = ""};
    uint64_t numbers[HELLO_FIELDS - 1];
    static const uint64_t most[HELLO_FIELDS - 1] = {UINT64_MAX, INT64_MAX, INT64_MAX, INT32_MAX, INT64_MAX,
                                                    INT64_MAX,  INT32_MAX, INT32_MAX, UINT32_MAX};
    const char *rest = text ? parse_name(text, settings.name) : NULL;
    for (unsigned i = 0; rest && i < HELLO_FIELDS - 1; i++)
        rest = parse_number(rest, most[i], &numbers[i]);
    if (!rest || *rest || rest[-1] == ',' || numbers[8] != HELLO_VERSION)
        return false;
    settings.token = numbers[0];
    settings.rates = (struct control_rates){.mem_profile_rate_bytes = numbers[1],
                                            .block_rate_ns = numbers[2],
                                            .mutex_fraction = (uint32_t)numbers[3],
                                            .trace_min_age_ns = numbers[4],
                                            .trace_bytes_max = numbers[5],
                                            .cpu_hz = (unsigned)numbers[6]};
    settings.only = (uint32_t)numbers[7];
    *ret = settings;
    return true;
}
