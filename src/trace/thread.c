#include "trace/thread.h"

#include "base/grow.h"

#define TIDS ((uint64_t)1 << 22)     /* PID_MAX_LIMIT of the kernel */
#define FIRST_MADE_UP_ID 10000000ull /* above all tids, and easy to tell from them */
#define SPARE_TIDS 1024u

int trace_threads_init(struct trace_threads *threads) {
    *threads = (struct trace_threads){.next_id = FIRST_MADE_UP_ID};
    threads->used_ids = calloc(TIDS / 64, sizeof *threads->used_ids); /* committed as it is touched */
    return threads->used_ids ? 0 : -ENOMEM;
}

static void free_thread(struct thread *thread) {
    free(thread->root.function);
    free(thread->root.file);
    free(thread->regions);
    free(thread);
}

void trace_threads_done(struct trace_threads *threads) {
    for (uint32_t i = 0; i < threads->n; i++)
        free_thread(threads->list[i]);
    free(threads->list);
    free(threads->by_tid);
    free(threads->used_ids);
    key_set_done(&threads->tids);
    *threads = (struct trace_threads){0};
}

static uint64_t take_id(struct trace_threads *threads, uint32_t tid) {
    uint64_t *word = tid < TIDS ? &threads->used_ids[tid / 64] : NULL, bit = (uint64_t)1 << tid % 64;
    if (!word || *word & bit)
        return threads->next_id++;
    *word |= bit;
    return tid;
}

int trace_threads_add(struct trace_threads *threads, uint32_t tid, struct thread **ret) {
    *ret = NULL;
    if (threads->n_alive >= THREADS_MAX)
        return 0;
    if (grow_array(&threads->by_tid, &threads->by_tid_space, threads->tids.n, sizeof(struct thread *)) ||
        grow_array(&threads->list, &threads->space, threads->n, sizeof(struct thread *)))
        return -ENOMEM;
    uint32_t index = key_set_add(&threads->tids, tid);
    struct thread *thread = index == HASH_NONE ? NULL : calloc(1, sizeof *thread);
    if (index != HASH_NONE)
        threads->by_tid[index] = thread;
    if (!thread)
        return -ENOMEM;
    thread->tid = tid;
    thread->id = take_id(threads, tid);
    thread->label_due = true;
    threads->list[threads->n++] = thread;
    threads->n_alive++;
    *ret = thread;
    return 0;
}

void trace_threads_kill(struct trace_threads *threads, struct thread *thread) {
    thread->state = THREAD_DEAD;
    threads->by_tid[key_set_find(&threads->tids, thread->tid)] = NULL;
    threads->n_alive--;
}

/* A program that makes threads all day leaves many tids behind: go on with those alive. */
static void forget_tids(struct trace_threads *threads) {
    for (uint32_t i = 0; i < threads->n; i++) {
        threads->tids.keys[i] = threads->list[i]->tid;
        threads->by_tid[i] = threads->list[i];
    }
    key_set_keep(&threads->tids, threads->n);
}

void trace_threads_bury(struct trace_threads *threads) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < threads->n; i++) {
        if (threads->list[i]->state == THREAD_DEAD)
            free_thread(threads->list[i]);
        else
            threads->list[kept++] = threads->list[i];
    }
    threads->n = kept;
    if (threads->tids.n > 2 * kept + SPARE_TIDS)
        forget_tids(threads);
}
