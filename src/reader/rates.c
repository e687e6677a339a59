#include "reader/rates.h"

static unsigned higher(unsigned a, unsigned b) {
    return a > b ? a : b;
}

unsigned rates_fastest(const struct rates *rates) {
    unsigned fastest = 0;
    for (const struct rate *rate = rates->running; rate; rate = rate->next)
        fastest = higher(fastest, rate->hz);
    return fastest;
}

void rates_enter(struct rates *rates, struct rate *rate, unsigned hz) {
    hz = hz ? hz : RATES_DEFAULT_HZ;
    for (struct rate *other = rates->running; other; other = other->next)
        other->fastest_hz = higher(other->fastest_hz, hz);
    *rate = (struct rate){.next = rates->running, .hz = hz};
    rates->running = rate;
    rate->fastest_hz = rates_fastest(rates);
}

void rates_leave(struct rates *rates, struct rate *rate) {
    struct rate **at = &rates->running;
    while (*at && *at != rate)
        at = &(*at)->next;
    if (*at)
        *at = rate->next;
}
