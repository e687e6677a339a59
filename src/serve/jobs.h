/* Work that takes time: a bounded pool of workers, and one clock that holds what waits. A capture of 30 seconds is two
 * short runs with a wait between them, and while it waits it costs a list entry and no thread. */
#ifndef PIKO_SERVE_JOBS_H
#define PIKO_SERVE_JOBS_H

#include <stdbool.h>
#include <stdint.h>

#define JOBS_MAX 256u   /* of requests, at once: the server refuses more */
#define JOBS_WORKERS 3u /* a target that does not answer blocks a worker for a second */

struct jobs;

/* The caller's memory, zeroed but for the first four; stays alive until `done`. */
struct job {
    /* On a worker. True: run again when due_ns comes, the client has gone, or the server stops; whichever is first. */
    bool (*run)(struct job *job);
    /* On a worker, after the last run; nothing touches the job after this call. */
    void (*done)(struct job *job);
    int fd;          /* the client's socket, watched during waits */
    uint64_t due_ns; /* CLOCK_MONOTONIC: set by run */

    bool gone; /* the client has closed its connection */
    struct job *next;
};

/* 0 or a negative errno. The threads inherit the caller's signal mask. */
int jobs_start(struct jobs **ret);

/* Queue a job. False when jobs are being closed: the job is not touched. Threads: any. */
bool jobs_submit(struct jobs *jobs, struct job *job);

/* Take no more jobs, let those that wait run now, return when all are done. */
void jobs_close(struct jobs *jobs);

/* Join the threads; jobs_close() comes first. Takes NULL. */
void jobs_free(struct jobs *jobs);

#endif
