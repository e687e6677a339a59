/* What the kernel says of our threads, through /proc/self/task. Allocates nothing: the target may hang inside malloc. */
#ifndef PIKO_PROBE_CONTROL_TASKS_H
#define PIKO_PROBE_CONTROL_TASKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "segment/segment.h"

/* Call visit for each thread of the process; ours are among them. */
void tasks_each(void (*visit)(uint32_t tid, void *data), void *data);

/* Give every thread a record with its present name, and take the records of threads that are gone as ended. */
void tasks_refresh(void);

/* Where a thread is, seen without disturbing it (/proc/self/task/TID/syscall). */
struct task_place {
    bool running;   /* on a CPU, or about to be: the rest is not known */
    int64_t number; /* of the system call; -1 when it waits in none (a page fault) */
    uint64_t arguments[6];
    uint64_t sp, pc;
};
/* 0 or a negative errno (-ESRCH: gone). */
int task_place(uint32_t tid, struct task_place *ret);

/* st_mode of what a thread's descriptor is, 0 when that can't be told. (Our own thread has other descriptors.) */
uint32_t task_descriptor_mode(uint32_t tid, uint32_t fd);

/* Read a small file of /proc into a buffer, NUL-terminated. Bytes read or a negative errno. */
long task_read_file(const char *path, char *buffer, size_t size);

#endif
