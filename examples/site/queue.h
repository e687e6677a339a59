/* Work for later: a bounded queue, and threads that do what is in it. */
#ifndef SITE_QUEUE_H
#define SITE_QUEUE_H

struct queue;

struct queue *queue_new(unsigned n_workers);

/* Does what is still in it, and ends the workers. */
void queue_free(struct queue *queue);

/* Have a worker call run(argument) some time. Waits while the queue is full. */
void queue_add(struct queue *queue, void (*run)(void *argument), void *argument);

/* The same, and wait until it is done. */
void queue_run(struct queue *queue, void (*run)(void *argument), void *argument);

#endif
