#include "reader/threads.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define OUTSIDE_NS 500000000u

const char *threads_state_name(enum segment_thread_state state) {
    static const char *const names[] = {
        [SEGMENT_THREAD_RUNNING] = "running",
        [SEGMENT_THREAD_MUTEX] = "mutex wait",
        [SEGMENT_THREAD_RWLOCK] = "rwlock wait",
        [SEGMENT_THREAD_COND] = "cond wait",
        [SEGMENT_THREAD_SEMAPHORE] = "semaphore wait",
        [SEGMENT_THREAD_BARRIER] = "barrier wait",
        [SEGMENT_THREAD_JOIN] = "join",
        [SEGMENT_THREAD_FUTEX] = "futex wait",
        [SEGMENT_THREAD_IO] = "IO wait",
        [SEGMENT_THREAD_SLEEP] = "sleep",
        [SEGMENT_THREAD_SYSCALL] = "syscall",
        [SEGMENT_THREAD_NETWORK] = "IO wait",
        [SEGMENT_THREAD_CHILD] = "syscall",
    };
    return (unsigned)state < sizeof(names) / sizeof(names[0]) && names[state] ? names[state] : "running";
}

static bool live(const struct segment_thread *thread) {
    return !thread->own && thread->state != SEGMENT_THREAD_FREE && thread->state != SEGMENT_THREAD_EXITED;
}

/* Without a fresh dump (seq 0): a wait that began after the newest one. */
static bool waits_since(const struct segment_thread *thread) {
    return thread->wait_seq % 2 && thread->wait_seq != thread->dump_wait_seq;
}

static void fill(const struct segment_thread *thread, uint32_t index, uint64_t seq, struct thread_row *row) {
    /* A record may still carry the dump of the thread that had it before: an older dump is not looked at. */
    bool dumped = thread->dump_seq && thread->dump_seq >= seq && (seq || !waits_since(thread));
    *row = (struct thread_row){
        .index = index,
        .tid = thread->tid,
        .state = dumped ? thread->dump_state : thread->state,
        .since_ns = dumped ? thread->dump_since_ns : thread->state_since_ns,
        .stack = dumped ? thread->dump_stack : 0,
        .pc = !dumped && thread->wait_seq % 2 ? thread->wait_pc - 1 : 0,
        .create_stack = thread->create_stack,
        .labels = thread->labels,
        .started_ns = thread->started_ns,
    };
    if (thread->wait_seq % 2)
        row->place = (struct outside_place){.pc = thread->wait_pc, .sp = thread->wait_sp, .fp = thread->wait_fp};
    memcpy(row->name, thread->name, sizeof(row->name));
}

static int by_tid(const void *left, const void *right) {
    const struct thread_row *a = left, *b = right;
    return a->tid < b->tid ? -1 : a->tid > b->tid;
}

int threads_take(const struct view *view, uint64_t seq, struct threads *ret) {
    struct threads threads = {.rows = calloc(view->threads.count ? view->threads.count : 1, sizeof(*threads.rows))};
    if (!threads.rows)
        return -ENOMEM;
    for (uint32_t i = 0; i < view->threads.count; i++) {
        struct segment_thread thread;
        if (view_thread(view, i, &thread) && live(&thread))
            fill(&thread, i, seq, &threads.rows[threads.n++]);
    }
    qsort(threads.rows, threads.n, sizeof(*threads.rows), by_tid);
    *ret = threads;
    return 0;
}

static void look_outside(struct outside *outside, struct thread_row *row) {
    struct view_stack stack;
    if (outside_stack(outside, row->tid, &row->place, &stack))
        row->outside = malloc(sizeof(stack));
    if (row->outside)
        *row->outside = stack;
}

void threads_look_outside(struct threads *threads, uint32_t pid) {
    struct outside *outside;
    uint64_t deadline_ns = clock_monotonic_ns() + OUTSIDE_NS;
    if (outside_open(pid, &outside))
        return;
    for (size_t i = 0; i < threads->n && clock_monotonic_ns() < deadline_ns; i++)
        look_outside(outside, &threads->rows[i]);
    outside_close(outside);
}

bool threads_stack(const struct view *view, const struct thread_row *row, struct view_stack *ret) {
    if (row->outside) {
        *ret = *row->outside;
        return true;
    }
    if (row->stack || !row->pc)
        return view_stack(view, row->stack, ret);
    ret->n_frames = 1;
    ret->truncated = true;
    ret->pcs[0] = row->pc;
    return true;
}

void threads_done(struct threads *threads) {
    for (size_t i = 0; i < threads->n; i++)
        free(threads->rows[i].outside);
    free(threads->rows);
    *threads = (struct threads){0};
}

uint64_t threads_count(const struct view *view) {
    uint64_t count = 0;
    for (uint32_t i = 0; i < view->threads.count; i++) {
        struct segment_thread thread;
        count += view_thread(view, i, &thread) && live(&thread);
    }
    return count;
}
