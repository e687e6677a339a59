/* The rates of the CPU captures that run: the sampler runs at the fastest of them. The lock is the caller's. */
#ifndef PIKO_READER_RATES_H
#define PIKO_READER_RATES_H

#define RATES_DEFAULT_HZ 100u

struct rate {
    struct rate *next;
    unsigned hz;
    unsigned fastest_hz; /* that was asked for by anyone while this one ran */
};

struct rates {
    struct rate *running;
};

/* hz 0 = the default. `rate` stays the caller's, and in the list until it leaves. */
void rates_enter(struct rates *rates, struct rate *rate, unsigned hz);
void rates_leave(struct rates *rates, struct rate *rate);

/* 0 when none runs. */
unsigned rates_fastest(const struct rates *rates);

#endif
