#include "random_events.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define THREADS_MOST 400u
#define OBJECTS 5u
#define KEYS 30u

/* What a thread really does, of which the events tell. */
struct life {
    enum { AWAY, RUNS, WAITS, CALLS } does;
    uint64_t object;
    unsigned depth; /* of regions */
    uint64_t tasks[4];
    int cpu; /* -1 none */
};

struct world {
    struct random_events *random;
    struct life lives[THREADS_MOST + 1];
    uint64_t next_task;
    struct trace_event *events;
    size_t n;
};

static uint32_t draw(struct random_events *random, uint32_t below) {
    uint64_t value;
    if (random->n_bytes >= 2) {
        value = random->bytes[0] | (uint64_t)random->bytes[1] << 8;
        random->bytes += 2;
        random->n_bytes -= 2;
    } else {
        random->state = random->state * 6364136223846793005u + 1442695040888963407u;
        value = random->state >> 33;
    }
    return (uint32_t)(value % below);
}

static uint64_t odd(struct random_events *random) {
    static const uint64_t values[] = {0, 1, UINT64_MAX, (uint64_t)1 << 63, 0x7f0000001000, 4097};
    return values[draw(random, sizeof values / sizeof *values)];
}

static struct trace_event nonsense(struct random_events *random, uint64_t time_ns) {
    struct trace_event event = {
        .time_ns = draw(random, 50)  ? time_ns
                   : draw(random, 2) ? odd(random)
                                     : time_ns - draw(random, 100000),
        .thread = draw(random, 40) ? 1 + draw(random, random->threads) : (uint32_t)odd(random),
        .peer = draw(random, random->threads + 2),
        .stack = draw(random, KEYS),
        .object = draw(random, 20) ? draw(random, OBJECTS) : odd(random),
        .value = draw(random, 20)  ? draw(random, KEYS)
                 : draw(random, 2) ? time_ns - 10
                                   : odd(random),
        .text = draw(random, KEYS),
        .kind = (uint16_t)(draw(random, 100) ? draw(random, TRACE_N_KINDS) : draw(random, 65536)),
        .reason = (uint16_t)draw(random, TRACE_N_REASONS + 2),
        .cpu = (uint16_t)draw(random, random->cpus + 2),
    };
    return event;
}

static void tell(struct world *world, struct trace_event event) {
    if (draw(world->random, 100) >= world->random->lost)
        world->events[world->n++] = event;
}

/* One plausible thing of a thread that runs. */
static void run_on(struct world *world, struct life *life, struct trace_event event) {
    struct random_events *random = world->random;
    event.text = 1 + draw(random, 3);
    unsigned what = draw(random, 20);
    if (what < 6) {
        event.kind = TRACE_BLOCK;
        event.reason = (uint16_t)(TRACE_MUTEX + draw(random, TRACE_OTHER - TRACE_MUTEX));
        event.object = life->object = 1 + draw(random, OBJECTS - 1);
        life->does = WAITS;
    } else if (what < 9) {
        event.kind = TRACE_SYSCALL_BEGIN;
        life->does = CALLS;
    } else if (what < 13) {
        event.kind = TRACE_WAKE;
        event.object = 1 + draw(random, OBJECTS - 1);
    } else if (what < 15) {
        bool begins = life->depth == 0 || (life->depth < 4 && draw(random, 2));
        event.kind = begins ? TRACE_REGION_BEGIN : TRACE_REGION_END;
        event.text = 1 + (begins ? life->depth++ : --life->depth);
    } else if (what < 17) {
        uint64_t *task = &life->tasks[draw(random, 4)];
        event.kind = *task ? TRACE_TASK_END : TRACE_TASK_BEGIN;
        event.object = *task ? *task : ++world->next_task;
        *task = *task ? 0 : event.object;
    } else if (what < 19) {
        event.kind = what == 17 ? TRACE_LOG : TRACE_HEAP;
        event.value = 1 + draw(random, KEYS);
    } else {
        event.kind = draw(random, 8) ? TRACE_CPU_SAMPLE : TRACE_THREAD_EXIT;
        if (event.kind == TRACE_THREAD_EXIT)
            *life = (struct life){.does = AWAY, .cpu = -1};
    }
    tell(world, event);
}

static void kernel(struct world *world, struct life *life, struct trace_event event) {
    if (!world->random->cpus || draw(world->random, 3))
        return;
    event.kind = life->cpu < 0 ? TRACE_SWITCH_IN : TRACE_SWITCH_OUT;
    event.value = life->does == RUNS;
    event.cpu = (uint16_t)(life->cpu < 0 ? draw(world->random, world->random->cpus) : (uint32_t)life->cpu);
    life->cpu = life->cpu < 0 ? event.cpu : -1;
    tell(world, event);
}

static void go_on(struct world *world, uint32_t tid, uint64_t time_ns) {
    struct random_events *random = world->random;
    struct life *life = &world->lives[tid];
    struct trace_event event = {.time_ns = time_ns, .thread = tid, .stack = draw(random, KEYS)};
    kernel(world, life, event);
    event.time_ns++;
    switch (life->does) {
    case AWAY:
        event.kind = TRACE_THREAD_START;
        event.peer = draw(random, random->threads + 1);
        event.object = draw(random, 3) * 0x1000;
        event.value = draw(random, 2) ? time_ns - draw(random, 500) : 0;
        event.text = draw(random, KEYS);
        *life = (struct life){.does = RUNS, .cpu = -1};
        tell(world, event);
        break;
    case WAITS:
    case CALLS:
        event.kind = life->does == WAITS ? TRACE_UNBLOCK : TRACE_SYSCALL_END;
        event.value = draw(random, 10) == 0;
        life->does = RUNS;
        tell(world, event);
        break;
    default:
        run_on(world, life, event);
    }
}

static int by_thread(const void *a, const void *b) {
    const struct trace_event *left = a, *right = b;
    return left->thread < right->thread ? -1 : left->thread > right->thread;
}

uint64_t random_events_make(struct random_events *random, uint64_t start_ns, size_t n, struct trace_event *ret,
                            size_t *ret_n) {
    struct world *world = calloc(1, sizeof *world);
    if (!world)
        abort();
    world->random = random;
    world->events = ret;
    world->next_task = start_ns;
    if (random->threads > THREADS_MOST)
        random->threads = THREADS_MOST;
    uint64_t time_ns = start_ns;
    for (size_t i = 0; i < n; i++) {
        time_ns += draw(random, 5) ? draw(random, 2000) : 0; /* equal times happen too */
        if (draw(random, 100) < random->nonsense)
            tell(world, nonsense(random, time_ns));
        else
            go_on(world, 1 + draw(random, random->threads), time_ns);
    }
    qsort(ret, world->n, sizeof *ret, by_thread); /* glibc's is a merge sort: times stay in order */
    *ret_n = world->n;
    free(world);
    return time_ns + 1;
}

/* ---- Names ---------------------------------------------------------------------------------------------------------*/
static size_t stack(void *context, uint64_t key, struct trace_frame ret[], bool *ret_whole) {
    (void)context;
    static const char *const functions[] = {"parse", "render", "std::sort<\"<b>\">", "", "\xff\xfe", "lock"};
    size_t n = 0, depth = key % 11 == 10 ? TRACE_FRAMES_MAX : key % 7;
    for (size_t i = 0; i < depth; i++)
        ret[n++] = (struct trace_frame){functions[(key + i) % 6], i % 2 ? "a.c" : "", key + i, 0x1000 * (key + i / 2)};
    *ret_whole = key % 5 != 4 && n + 3 < TRACE_FRAMES_MAX;
    if (*ret_whole) {
        ret[n++] = (struct trace_frame){key % 2 ? "worker" : "main", "main.c", 10, 0x400000 + key % 2};
        ret[n++] = (struct trace_frame){"start_thread", "", 0, 0x7f0000001000};
        ret[n++] = (struct trace_frame){"clone3", "", 0, 0x7f0000002000};
    }
    return n;
}

static bool function(void *context, uint64_t address, struct trace_frame *ret) {
    (void)context;
    *ret = (struct trace_frame){address == 0x1000 ? "worker" : "start_thread", "main.c", 10, address};
    return address <= 0x2000;
}

static const char *text(void *context, uint64_t key) {
    (void)context;
    static char buffer[3000];
    if (key % 9 == 8) {
        memset(buffer, key % 2 ? 'x' : '\xe2', sizeof buffer - 1);
        return buffer;
    }
    snprintf(buffer, sizeof buffer, "text %d", (int)(key % 1000));
    return buffer;
}

const struct trace_source random_events_source = {NULL, NULL, stack, function, text};
