/* When requests should begin.
 *
 * Closed model: whenever a connection is done with the one before. A server that stalls then stalls the generator too, and
 * the requests that nobody could make are missing in the latencies (coordinated omission).
 * Open model: at a fixed rate, whatever the server does. A request that finds no connection free begins late, and its latency
 * counts from when it should have begun: that is called corrected. */
#ifndef PIKO_LOAD_SCHEDULE_H
#define PIKO_LOAD_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

struct schedule {
    double interval_ns; /* between two requests; 0 = closed model */
    uint64_t start_ns;  /* of the first; 0 = it does not run */
    uint64_t taken;     /* since then */
    uint64_t past;      /* requests that runs before this one planned */
};

static inline bool schedule_is_open_model(const struct schedule *schedule) {
    return schedule->interval_ns > 0;
}

static inline void schedule_start(struct schedule *schedule, uint64_t start_ns) {
    schedule->start_ns = start_ns;
    schedule->taken = 0;
}

/* When the next request is to begin. */
static inline uint64_t schedule_next_ns(const struct schedule *schedule) {
    return schedule->start_ns + (uint64_t)((double)schedule->taken * schedule->interval_ns);
}

/* Take the next request if its time has come. */
static inline bool schedule_take(struct schedule *schedule, uint64_t now_ns, uint64_t *ret_planned_ns) {
    uint64_t next_ns = schedule_next_ns(schedule);
    if (!schedule->start_ns || next_ns > now_ns)
        return false;
    schedule->taken++;
    *ret_planned_ns = next_ns;
    return true;
}

/* Requests whose time has come, since the generator was made. */
static inline uint64_t schedule_planned(const struct schedule *schedule, uint64_t now_ns) {
    if (!schedule->start_ns || now_ns < schedule->start_ns)
        return schedule->past;
    return schedule->past + (uint64_t)((double)(now_ns - schedule->start_ns) / schedule->interval_ns) + 1;
}

/* What should have begun by now and did not is given up. */
static inline void schedule_stop(struct schedule *schedule, uint64_t now_ns) {
    schedule->past = schedule_planned(schedule, now_ns);
    schedule->start_ns = 0;
}

#endif
