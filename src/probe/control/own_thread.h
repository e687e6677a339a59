/* A thread of the process that libc does not know of.
 *
 * To libc a process with a second thread is another one: each system call is a cancellation point that costs two atomic
 * operations, each free lock two more, and the end of the program's last thread does not end it (glibc, SINGLE_THREAD_P). To
 * the kernel a second user of the table of descriptors costs each call that takes one two more. Measured: 45 ns a call and
 * 12 ns a lock, 2 % of what nginx spends on a request; nothing with a thread of this kind.
 *
 * Its code may use system calls and memory that it maps; of libc only what takes no lock and keeps nothing a thread: no
 * malloc, no stdio, no dl_iterate_phdr. It has an errno and thread-locals of the probe of its own. */
#ifndef PIKO_PROBE_CONTROL_OWN_THREAD_H
#define PIKO_PROBE_CONTROL_OWN_THREAD_H

#include <stddef.h>
#include <stdint.h>

struct own_thread {
    uint32_t tid; /* A: cleared by the kernel when it has ended */
    void *memory; /* kept for the next start */
    size_t bytes;
};

/* Start it with every signal blocked and no descriptor in common with the process. 0 or a negative errno. */
int own_thread_start(struct own_thread *thread, int (*function)(void *), void *argument);

/* Wait until it has ended. */
void own_thread_join(struct own_thread *thread);

/* In the child of a fork, where it is not: the copy of its memory serves for the next start. */
void own_thread_reset_after_fork(struct own_thread *thread);

#endif
