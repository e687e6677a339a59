#include "serve/jobs.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"

struct jobs {
    pthread_mutex_t lock; /* of all below; never held while a job runs */
    pthread_cond_t work;  /* queue is no longer empty, or stopping */
    pthread_cond_t idle;  /* active became 0 */
    struct job *queue, **queue_end;
    struct job *waiting; /* only the clock takes from it, so what it watches stays valid while it sleeps */
    unsigned active;     /* submitted and not done */
    bool closing, stopping;
    int event; /* wakes the clock */
    pthread_t clock, workers[JOBS_WORKERS];
    unsigned n_workers;
    bool has_clock;
};

static void enqueue(struct jobs *jobs, struct job *job) {
    job->next = NULL;
    *jobs->queue_end = job;
    jobs->queue_end = &job->next;
    pthread_cond_signal(&jobs->work);
}

static struct job *dequeue(struct jobs *jobs) {
    struct job *job = jobs->queue;
    jobs->queue = job->next;
    if (!jobs->queue)
        jobs->queue_end = &jobs->queue;
    return job;
}

static void wake_clock(const struct jobs *jobs) {
    (void)!write(jobs->event, &(uint64_t){1}, sizeof(uint64_t)); /* fails only when it is awake anyway */
}

/* With the lock held; drops it meanwhile. */
static void run(struct jobs *jobs, struct job *job) {
    pthread_mutex_unlock(&jobs->lock);
    bool again = job->run(job);
    if (!again)
        job->done(job);
    pthread_mutex_lock(&jobs->lock);
    if (!again) {
        if (!--jobs->active)
            pthread_cond_broadcast(&jobs->idle);
    } else if (jobs->closing) {
        enqueue(jobs, job);
    } else {
        job->next = jobs->waiting;
        jobs->waiting = job;
        wake_clock(jobs);
    }
}

static void *worker_main(void *data) {
    struct jobs *jobs = data;
    pthread_setname_np(pthread_self(), "piko-worker");
    pthread_mutex_lock(&jobs->lock);
    for (;;) {
        while (!jobs->queue && !jobs->stopping)
            pthread_cond_wait(&jobs->work, &jobs->lock);
        if (!jobs->queue)
            break;
        run(jobs, dequeue(jobs));
    }
    pthread_mutex_unlock(&jobs->lock);
    return NULL;
}

/* A trace is a job besides its request's, and may outlive it for a moment; the server has one of its own. */
#define WATCHED_MAX (2 * JOBS_MAX)

/* What the clock sleeps on: the event first, then one entry a waiting job, in the list's order. */
struct watch {
    struct pollfd fds[1 + WATCHED_MAX];
    struct job *jobs[WATCHED_MAX];
    nfds_t n;
    uint64_t due_ns; /* of the first that is due; UINT64_MAX none */
};

static void fill_watch(const struct jobs *jobs, struct watch *watch) {
    watch->fds[0] = (struct pollfd){.fd = jobs->event, .events = POLLIN};
    watch->n = 0;
    watch->due_ns = UINT64_MAX;
    for (struct job *job = jobs->waiting; job && watch->n < WATCHED_MAX; job = job->next) {
        watch->jobs[watch->n++] = job;
        watch->fds[watch->n] = (struct pollfd){.fd = job->fd, .events = POLLRDHUP};
        if (job->due_ns < watch->due_ns)
            watch->due_ns = job->due_ns;
    }
}

static void sleep_on(struct watch *watch) {
    uint64_t now = clock_monotonic_ns(), ns = watch->due_ns > now ? watch->due_ns - now : 0;
    struct timespec timeout = {.tv_sec = (time_t)(ns / NS_PER_S), .tv_nsec = (long)(ns % NS_PER_S)};
    if (ppoll(watch->fds, 1 + watch->n, watch->due_ns == UINT64_MAX ? NULL : &timeout, NULL) <= 0)
        for (nfds_t i = 0; i <= watch->n; i++)
            watch->fds[i].revents = 0;
    if (watch->fds[0].revents)
        (void)!read(watch->fds[0].fd, &(uint64_t){0}, sizeof(uint64_t));
    for (nfds_t i = 0; i < watch->n; i++)
        if (watch->fds[1 + i].revents & (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL))
            watch->jobs[i]->gone = true;
}

static void queue_due(struct jobs *jobs) {
    uint64_t now = clock_monotonic_ns();
    for (struct job **link = &jobs->waiting; *link;) {
        struct job *job = *link;
        if (job->gone || job->due_ns <= now || jobs->closing) {
            *link = job->next;
            enqueue(jobs, job);
        } else {
            link = &job->next;
        }
    }
}

static void *clock_main(void *data) {
    struct jobs *jobs = data;
    pthread_setname_np(pthread_self(), "piko-clock");
    struct watch watch;
    pthread_mutex_lock(&jobs->lock);
    while (!jobs->stopping) {
        fill_watch(jobs, &watch);
        pthread_mutex_unlock(&jobs->lock);
        sleep_on(&watch);
        pthread_mutex_lock(&jobs->lock);
        queue_due(jobs);
    }
    pthread_mutex_unlock(&jobs->lock);
    return NULL;
}

static int start_threads(struct jobs *jobs) {
    int error = -pthread_create(&jobs->clock, NULL, clock_main, jobs);
    jobs->has_clock = !error;
    while (!error && jobs->n_workers < JOBS_WORKERS) {
        error = -pthread_create(&jobs->workers[jobs->n_workers], NULL, worker_main, jobs);
        jobs->n_workers += !error;
    }
    return error;
}

int jobs_start(struct jobs **ret) {
    struct jobs *jobs = calloc(1, sizeof(*jobs));
    if (!jobs)
        return -ENOMEM;
    jobs->queue_end = &jobs->queue;
    pthread_mutex_init(&jobs->lock, NULL);
    pthread_cond_init(&jobs->work, NULL);
    pthread_cond_init(&jobs->idle, NULL);
    jobs->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int error = jobs->event < 0 ? -errno : start_threads(jobs);
    if (error) {
        jobs_free(jobs);
        return error;
    }
    *ret = jobs;
    return 0;
}

bool jobs_submit(struct jobs *jobs, struct job *job) {
    pthread_mutex_lock(&jobs->lock);
    bool open = !jobs->closing;
    if (open) {
        jobs->active++;
        enqueue(jobs, job);
    }
    pthread_mutex_unlock(&jobs->lock);
    return open;
}

void jobs_close(struct jobs *jobs) {
    pthread_mutex_lock(&jobs->lock);
    jobs->closing = true;
    wake_clock(jobs);
    while (jobs->active)
        pthread_cond_wait(&jobs->idle, &jobs->lock);
    pthread_mutex_unlock(&jobs->lock);
}

void jobs_free(struct jobs *jobs) {
    if (!jobs)
        return;
    pthread_mutex_lock(&jobs->lock);
    jobs->stopping = true;
    pthread_cond_broadcast(&jobs->work);
    pthread_mutex_unlock(&jobs->lock);
    if (jobs->event >= 0)
        wake_clock(jobs);
    if (jobs->has_clock)
        pthread_join(jobs->clock, NULL);
    while (jobs->n_workers)
        pthread_join(jobs->workers[--jobs->n_workers], NULL);
    if (jobs->event >= 0)
        close(jobs->event);
    pthread_cond_destroy(&jobs->idle);
    pthread_cond_destroy(&jobs->work);
    pthread_mutex_destroy(&jobs->lock);
    free(jobs);
}
