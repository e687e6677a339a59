/* Numbers of Go's trace format, version 2. https://go.googlesource.com/go/+/refs/heads/master/src/internal/trace/tracev2
 * Private to the trace layer. */
#ifndef PIKO_TRACE_GO_FORMAT_H
#define PIKO_TRACE_GO_FORMAT_H

enum go_event { /* arguments after the ticks since the event before */
                GO_STACKS = 2,
                GO_STACK = 3, /* id, frames, for each: pc, function, file, line */
                GO_STRINGS = 4,
                GO_STRING = 5, /* id, bytes, the bytes */
                GO_CPU_SAMPLES = 6,
                GO_CPU_SAMPLE = 7,   /* tick, thread, row, goroutine, stack */
                GO_FREQUENCY = 8,    /* ticks a second */
                GO_PROCS_CHANGE = 9, /* how many, stack */
                GO_PROC_START = 10,  /* row, its sequence */
                GO_PROC_STOP = 11,
                GO_PROC_STATUS = 13, /* row, enum go_proc_status */
                GO_CREATE = 14,      /* goroutine, stack of its start function, stack */
                GO_START = 16,       /* goroutine, its sequence */
                GO_DESTROY = 17,
                GO_STOP = 19,                /* reason, stack */
                GO_BLOCK = 20,               /* reason, stack */
                GO_UNBLOCK = 21,             /* goroutine, its sequence, stack */
                GO_SYSCALL_BEGIN = 22,       /* the row's sequence, stack */
                GO_SYSCALL_END = 23,         /* it kept its row */
                GO_SYSCALL_END_BLOCKED = 24, /* it lost it */
                GO_STATUS = 25,              /* goroutine, thread, enum go_status */
                GO_HEAP_ALLOC = 37,          /* bytes */
                GO_LABEL = 39,               /* string */
                GO_TASK_BEGIN = 40,          /* task, parent, type, stack */
                GO_TASK_END = 41,            /* task, stack */
                GO_REGION_BEGIN = 42,        /* task, type, stack */
                GO_REGION_END = 43,          /* the same */
                GO_LOG = 44,                 /* task, category, message, stack */
                GO_STATUS_STACK = 48,        /* as GO_STATUS, and the stack; since 1.23 */
                GO_SYNC = 50,                /* since 1.25 */
                GO_CLOCK_SNAPSHOT = 51,      /* ticks since the batch's, monotonic ns, wall clock s, ns */
                GO_END_OF_GENERATION = 52,   /* since 1.26; in no batch */
};

enum go_proc_status { GO_PROC_RUNNING = 1, GO_PROC_IDLE = 2, GO_PROC_SYSCALL = 3 };
enum go_status { GO_RUNNABLE = 1, GO_RUNNING = 2, GO_SYSCALL = 3, GO_WAITING = 4 };

#define GO_TICKS_A_SECOND 1000000000ull /* a tick is a nanosecond: readers would round the ticks of another clock */
#define GO_NO_PROC UINT64_MAX

#endif
