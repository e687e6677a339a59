/* One thread with its share of the connections. Nothing of it is shared while it runs: orders go in through an eventfd, and
 * figures come out as a copy that the loop makes between two events when it is asked. */
#ifndef PIKO_LOAD_LOOP_H
#define PIKO_LOAD_LOOP_H

#include <stdint.h>

#include "load/connection.h"

#define LOOP_DRAIN_NS 100000000ull /* that requests under way get at a pause */

struct loop;

enum loop_order { LOOP_NO_ORDER, LOOP_RESUME, LOOP_PAUSE, LOOP_COPY_FIGURES, LOOP_STOP };

struct loop_options {
    const struct plan *plan; /* these two must outlive the loop */
    struct failure_log *log;
    unsigned connections;
    double interval_ns;       /* between two requests of this loop; 0 = closed model */
    unsigned number, n_loops; /* each begins with another request of the plan, and at another time */
};

/* 0 or a negative errno. No thread runs yet. */
int loop_new(const struct loop_options *options, struct loop **ret);
/* Stops the thread when it runs, closes all connections. Takes NULL. */
void loop_free(struct loop *loop);

/* Start the thread, without requests; nothing when it runs already. 0 or a negative errno. */
int loop_start(struct loop *loop);

/* Give an order to a started loop, and wait until it was carried out (LOOP_PAUSE: LOOP_DRAIN_NS at most). In two parts, so
 * that several loops work on it at once. One order at a time. On a loop that was never started both do nothing. */
void loop_order(struct loop *loop, enum loop_order order);
void loop_wait(struct loop *loop);

/* Add the figures of the last LOOP_COPY_FIGURES. */
void loop_add_figures(const struct loop *loop, struct load_stats *sum);

/* Add CPU time of the thread, and the time that it waited for a core. Threads: any. */
void loop_add_effort(const struct loop *loop, struct load_stats *sum);

#endif
