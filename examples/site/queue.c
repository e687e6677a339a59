#include "queue.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#define JOBS_MAX 256u

struct job {
    void (*run)(void *argument);
    void *argument;
};

struct queue {
    pthread_mutex_t mutex; /* guards all below but the threads */
    pthread_cond_t not_empty, not_full;
    struct job jobs[JOBS_MAX]; /* a ring */
    unsigned first, n_jobs;
    bool closing;
    unsigned n_workers;
    pthread_t workers[];
};

/* The next job; false when there is none and none will come. */
static bool take(struct queue *queue, struct job *ret) {
    pthread_mutex_lock(&queue->mutex);
    while (queue->n_jobs == 0 && !queue->closing)
        pthread_cond_wait(&queue->not_empty, &queue->mutex);
    bool taken = queue->n_jobs > 0;
    if (taken) {
        *ret = queue->jobs[queue->first];
        queue->first = (queue->first + 1) % JOBS_MAX;
        queue->n_jobs--;
        pthread_cond_signal(&queue->not_full);
    }
    pthread_mutex_unlock(&queue->mutex);
    return taken;
}

static void *work(void *argument) {
    struct queue *queue = argument;
    struct job job;
    while (take(queue, &job))
        job.run(job.argument);
    return NULL;
}

struct queue *queue_new(unsigned n_workers) {
    struct queue *queue = calloc(1, sizeof *queue + n_workers * sizeof queue->workers[0]);
    if (!queue)
        abort();
    pthread_mutex_init(&queue->mutex, NULL);
    pthread_cond_init(&queue->not_empty, NULL);
    pthread_cond_init(&queue->not_full, NULL);
    queue->n_workers = n_workers;
    for (unsigned i = 0; i < n_workers; i++) {
        if (pthread_create(&queue->workers[i], NULL, work, queue) != 0)
            abort();
        char name[16];
        snprintf(name, sizeof name, "queue-%hu", (unsigned short)(i + 1));
        pthread_setname_np(queue->workers[i], name); /* thread dumps and profiles show it */
    }
    return queue;
}

void queue_free(struct queue *queue) {
    pthread_mutex_lock(&queue->mutex);
    queue->closing = true;
    pthread_cond_broadcast(&queue->not_empty);
    pthread_mutex_unlock(&queue->mutex);
    for (unsigned i = 0; i < queue->n_workers; i++)
        pthread_join(queue->workers[i], NULL);
    pthread_cond_destroy(&queue->not_full);
    pthread_cond_destroy(&queue->not_empty);
    pthread_mutex_destroy(&queue->mutex);
    free(queue);
}

void queue_add(struct queue *queue, void (*run)(void *argument), void *argument) {
    pthread_mutex_lock(&queue->mutex);
    while (queue->n_jobs == JOBS_MAX)
        pthread_cond_wait(&queue->not_full, &queue->mutex);
    queue->jobs[(queue->first + queue->n_jobs) % JOBS_MAX] = (struct job){run, argument};
    queue->n_jobs++;
    pthread_cond_signal(&queue->not_empty);
    pthread_mutex_unlock(&queue->mutex);
}

/* A job that somebody waits for. */
struct awaited {
    struct job job;
    pthread_mutex_t mutex; /* guards done */
    pthread_cond_t is_done;
    bool done;
};

static void run_awaited(void *argument) {
    struct awaited *awaited = argument;
    awaited->job.run(awaited->job.argument);
    pthread_mutex_lock(&awaited->mutex);
    awaited->done = true;
    pthread_cond_signal(&awaited->is_done);
    pthread_mutex_unlock(&awaited->mutex);
}

void queue_run(struct queue *queue, void (*run)(void *argument), void *argument) {
    struct awaited awaited = {.job = {run, argument}};
    pthread_mutex_init(&awaited.mutex, NULL);
    pthread_cond_init(&awaited.is_done, NULL);
    queue_add(queue, run_awaited, &awaited);
    pthread_mutex_lock(&awaited.mutex);
    while (!awaited.done)
        pthread_cond_wait(&awaited.is_done, &awaited.mutex);
    pthread_mutex_unlock(&awaited.mutex);
    pthread_cond_destroy(&awaited.is_done);
    pthread_mutex_destroy(&awaited.mutex);
}
