#include "go_check.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "base/key_set.h"
#include "trace/batches.h"
#include "trace/go_format.h"

/* Arguments by letter: n number, s string, k stack. */
static const struct {
    const char *name, *arguments;
} kinds[] = {
    [GO_PROCS_CHANGE] = {"ProcsChange", "nk"},
    [GO_PROC_START] = {"ProcStart", "nn"},
    [GO_PROC_STOP] = {"ProcStop", ""},
    [GO_PROC_STATUS] = {"ProcStatus", "nn"},
    [GO_CREATE] = {"GoCreate", "nkk"},
    [GO_START] = {"GoStart", "nn"},
    [GO_DESTROY] = {"GoDestroy", ""},
    [GO_STOP] = {"GoStop", "sk"},
    [GO_BLOCK] = {"GoBlock", "sk"},
    [GO_UNBLOCK] = {"GoUnblock", "nnk"},
    [GO_SYSCALL_BEGIN] = {"GoSyscallBegin", "nk"},
    [GO_SYSCALL_END] = {"GoSyscallEnd", ""},
    [GO_SYSCALL_END_BLOCKED] = {"GoSyscallEndBlocked", ""},
    [GO_STATUS] = {"GoStatus", "nnn"},
    [GO_HEAP_ALLOC] = {"HeapAlloc", "n"},
    [GO_LABEL] = {"GoLabel", "s"},
    [GO_TASK_BEGIN] = {"TaskBegin", "nnsk"},
    [GO_TASK_END] = {"TaskEnd", "nk"},
    [GO_REGION_BEGIN] = {"RegionBegin", "nsk"},
    [GO_REGION_END] = {"RegionEnd", "nsk"},
    [GO_LOG] = {"Log", "nssk"},
    [GO_STATUS_STACK] = {"GoStatusStack", "nnnk"},
};
#define N_KINDS (sizeof kinds / sizeof *kinds)
#define REGIONS_MOST 64u

struct text {
    const uint8_t *bytes;
    size_t size;
};

struct frames {
    uint64_t strings[128]; /* of the functions */
    uint64_t n;
};

struct event {
    uint64_t tick, m, order;
    unsigned kind;
    uint64_t arguments[4];
};

struct goroutine {
    unsigned status; /* 0 = does not exist */
    uint64_t sequence, generation;
    struct {
        uint64_t task;
        struct text text;
    } regions[REGIONS_MOST];
    unsigned n_regions;
};

struct row {
    unsigned status; /* 0 = does not exist */
    uint64_t sequence, generation;
};

struct machine {
    uint64_t g, p;      /* keys + 1; 0 none */
    uint64_t last_tick; /* of the newest event that was read */
};

struct check {
    const uint8_t *at, *limit;
    unsigned version;
    uint64_t generation, last_tick;
    bool is_first;
    bool has_frequency;
    struct key_set string_ids, stack_ids, gs, ps, ms, tasks;
    struct text *texts;
    struct frames *stacks;
    struct goroutine *goroutines;
    struct row *rows;
    struct machine *machines;
    bool *task_is_active;
    struct event *events;
    uint32_t texts_space, stacks_space, gs_space, ps_space, ms_space, tasks_space, n_events, events_space;
    struct buffer *listing;
    char why[200];
};

static bool wrong(struct check *check, const char *what) {
    if (!check->why[0])
        snprintf(check->why, sizeof check->why, "generation %d, tick %lld: %s", (int)check->generation,
                 (long long)check->last_tick, what);
    return false;
}

static bool number(struct check *check, const uint8_t **at, const uint8_t *limit, uint64_t *ret) {
    *ret = 0;
    for (unsigned shift = 0; *at < limit && shift < 70; shift += 7) {
        uint8_t byte = *(*at)++;
        *ret |= (uint64_t)(byte & 127) << shift;
        if (byte < 128)
            return true;
    }
    return wrong(check, "a number is cut off");
}

/* Index of a key that is there or is added with an empty entry in its array. */
static uint32_t entry(struct key_set *set, uint64_t key, void *array, uint32_t *space, size_t size) {
    uint32_t old = set->n;
    if (grow_array(array, space, old, size))
        abort();
    uint32_t index = key_set_add(set, key);
    if (index == old) {
        char *base;
        memcpy(&base, array, sizeof base);
        memset(base + index * size, 0, size);
    }
    return index;
}

/* ---- Tables --------------------------------------------------------------------------------------------------------*/
static bool read_strings(struct check *check, const uint8_t *at, const uint8_t *limit) {
    while (at < limit) {
        uint64_t id, size;
        if (*at++ != GO_STRING || !number(check, &at, limit, &id) || !number(check, &at, limit, &size))
            return wrong(check, "broken string");
        if (size > 1024 || size > (size_t)(limit - at) || !id || key_set_find(&check->string_ids, id) != HASH_NONE)
            return wrong(check, "string too long, or twice");
        uint32_t index = entry(&check->string_ids, id, &check->texts, &check->texts_space, sizeof *check->texts);
        check->texts[index] = (struct text){at, size};
        at += size;
    }
    return true;
}

static bool read_stacks(struct check *check, const uint8_t *at, const uint8_t *limit) {
    while (at < limit) {
        uint64_t id, n, number_of[4];
        if (*at++ != GO_STACK || !number(check, &at, limit, &id) || !number(check, &at, limit, &n))
            return wrong(check, "broken stack");
        if (n > 128 || !id || key_set_find(&check->stack_ids, id) != HASH_NONE)
            return wrong(check, "stack too long, or twice");
        uint32_t index = entry(&check->stack_ids, id, &check->stacks, &check->stacks_space, sizeof *check->stacks);
        check->stacks[index].n = n;
        for (uint64_t i = 0; i < n; i++) {
            for (unsigned k = 0; k < 4; k++)
                if (!number(check, &at, limit, &number_of[k]))
                    return false;
            check->stacks[index].strings[i] = number_of[1];
        }
    }
    return true;
}

static bool has_stack(struct check *check, uint64_t id) {
    return !id || key_set_find(&check->stack_ids, id) != HASH_NONE || wrong(check, "a stack that is not in the table");
}

static bool has_string(struct check *check, uint64_t id) {
    return !id || key_set_find(&check->string_ids, id) != HASH_NONE ||
           wrong(check, "a string that is not in the table");
}

static bool read_samples(struct check *check, const uint8_t *at, const uint8_t *limit) {
    while (at < limit) {
        uint64_t value = 0;
        if (*at++ != GO_CPU_SAMPLE)
            return wrong(check, "broken sample");
        for (unsigned i = 0; i < 5; i++)
            if (!number(check, &at, limit, &value))
                return false;
        if (!has_stack(check, value))
            return false;
    }
    return true;
}

static bool read_sync(struct check *check, const uint8_t *at, const uint8_t *limit) {
    uint64_t frequency, clock[4];
    if (check->has_frequency)
        return wrong(check, "two frequencies");
    if (check->version >= 25 && (at >= limit || *at++ != GO_FREQUENCY))
        return wrong(check, "no frequency");
    if (!number(check, &at, limit, &frequency) || frequency != GO_TICKS_A_SECOND)
        return wrong(check, "odd frequency");
    check->has_frequency = true;
    if (check->version < 25)
        return at == limit || wrong(check, "more than a frequency");
    if (at >= limit || *at++ != GO_CLOCK_SNAPSHOT)
        return wrong(check, "no clock");
    for (unsigned i = 0; i < 4; i++)
        if (!number(check, &at, limit, &clock[i]))
            return false;
    return at == limit || wrong(check, "more than a clock");
}

static struct machine *machine(struct check *check, uint64_t m);

static bool read_events(struct check *check, uint64_t m, uint64_t tick, const uint8_t *at, const uint8_t *limit) {
    while (at < limit) {
        struct event event = {.m = m, .kind = *at++, .order = check->n_events};
        uint64_t delta;
        if (event.kind >= N_KINDS || !kinds[event.kind].name)
            return wrong(check, "an unknown event");
        if (event.kind == GO_STATUS_STACK && check->version < 23)
            return wrong(check, "an event that its version does not have");
        if (!number(check, &at, limit, &delta))
            return false;
        event.tick = tick += delta;
        for (unsigned i = 0; kinds[event.kind].arguments[i]; i++)
            if (!number(check, &at, limit, &event.arguments[i]))
                return false;
        if (grow_array(&check->events, &check->events_space, check->n_events, sizeof event))
            abort();
        check->events[check->n_events++] = event;
        if (tick < machine(check, m)->last_tick)
            return wrong(check, "batches of a thread out of order");
        machine(check, m)->last_tick = tick;
    }
    return true;
}

/* Tables first: what refers to them may stand before. */
static bool read_batch(struct check *check, uint64_t m, uint64_t tick, const uint8_t *at, const uint8_t *limit,
                       bool tables) {
    if (at == limit)
        return wrong(check, "an empty batch");
    switch (*at) {
    case GO_STRINGS:
        return !tables || read_strings(check, at + 1, limit);
    case GO_STACKS:
        return !tables || read_stacks(check, at + 1, limit);
    case GO_CPU_SAMPLES:
        return tables || read_samples(check, at + 1, limit);
    case GO_FREQUENCY:
    case GO_SYNC:
        if ((*at == GO_SYNC) != (check->version >= 25))
            return wrong(check, "the clock of another version");
        return !tables || read_sync(check, at + 1, limit);
    default:
        return tables || read_events(check, m, tick, at, limit);
    }
}

/* ---- Replaying -----------------------------------------------------------------------------------------------------*/
static struct machine *machine(struct check *check, uint64_t m) {
    uint32_t index = entry(&check->ms, m, &check->machines, &check->ms_space, sizeof *check->machines);
    return &check->machines[index];
}

static struct goroutine *goroutine(struct check *check, uint64_t g) {
    uint32_t index = entry(&check->gs, g, &check->goroutines, &check->gs_space, sizeof *check->goroutines);
    return &check->goroutines[index];
}

static struct row *row(struct check *check, uint64_t p) {
    uint32_t index = entry(&check->ps, p, &check->rows, &check->ps_space, sizeof *check->rows);
    return &check->rows[index];
}

static bool next(struct check *check, uint64_t *sequence, uint64_t *generation, uint64_t value) {
    if (*generation != check->generation || *sequence + 1 != value)
        return wrong(check, "a sequence number that does not follow");
    *sequence = value;
    return true;
}

static bool proc_status(struct check *check, struct machine *m, uint64_t p, uint64_t status) {
    struct row *state = row(check, p);
    if (status < GO_PROC_RUNNING || status > GO_PROC_SYSCALL || (state->status && state->status != status))
        return wrong(check, "a row's status is not what it was");
    *state = (struct row){(unsigned)status, 0, check->generation};
    if (status != GO_PROC_IDLE)
        m->p = p + 1;
    return true;
}

static bool go_status(struct check *check, struct machine *m, uint64_t g, uint64_t status) {
    struct goroutine *state = goroutine(check, g);
    if (status < GO_RUNNABLE || status > GO_WAITING || (state->status ? state->status != status : !check->is_first))
        return wrong(check, "a thread's status is not what it was, or it is new");
    if (status == GO_SYSCALL && !check->is_first && m->g != g + 1)
        return wrong(check, "a system call on another thread");
    state->status = (unsigned)status;
    state->sequence = 0;
    state->generation = check->generation;
    if (status == GO_RUNNING || status == GO_SYSCALL)
        m->g = g + 1;
    return true;
}

static bool proc_start(struct check *check, struct machine *m, const struct event *event) {
    struct row *state = row(check, event->arguments[0]);
    if (state->status != GO_PROC_IDLE || m->p)
        return wrong(check, "a row starts that is not idle, or a second one");
    state->status = GO_PROC_RUNNING;
    m->p = event->arguments[0] + 1;
    return next(check, &state->sequence, &state->generation, event->arguments[1]);
}

static bool go_create(struct check *check, const struct machine *m, uint64_t g) {
    if (!m->p || (m->g && goroutine(check, m->g - 1)->status != GO_RUNNING))
        return wrong(check, "made by a thread that does not run");
    struct goroutine *state = goroutine(check, g);
    if (state->status)
        return wrong(check, "made twice");
    *state = (struct goroutine){.status = GO_RUNNABLE, .generation = check->generation};
    return true;
}

static bool go_start(struct check *check, struct machine *m, const struct event *event) {
    struct goroutine *state = goroutine(check, event->arguments[0]);
    if (state->status != GO_RUNNABLE || !m->p || m->g)
        return wrong(check, "starts though it is not runnable, or without a row");
    state->status = GO_RUNNING;
    m->g = event->arguments[0] + 1;
    return next(check, &state->sequence, &state->generation, event->arguments[1]);
}

static bool go_unblock(struct check *check, const struct event *event) {
    struct goroutine *state = goroutine(check, event->arguments[0]);
    if (state->status != GO_WAITING)
        return wrong(check, "woken though it does not wait");
    state->status = GO_RUNNABLE;
    return next(check, &state->sequence, &state->generation, event->arguments[1]);
}

static bool stop(struct check *check, struct machine *m, struct goroutine *g, unsigned status) {
    if (g->status != GO_RUNNING)
        return wrong(check, "stops though it does not run");
    g->status = status;
    m->g = 0;
    return true;
}

static bool syscall_event(struct check *check, struct machine *m, struct goroutine *g, const struct event *event) {
    struct row *p = m->p ? row(check, m->p - 1) : NULL;
    if (event->kind == GO_SYSCALL_BEGIN) {
        if (g->status != GO_RUNNING)
            return wrong(check, "a call of a thread that does not run");
        g->status = GO_SYSCALL;
        p->status = GO_PROC_SYSCALL;
        return next(check, &p->sequence, &p->generation, event->arguments[0]);
    }
    if (g->status != GO_SYSCALL || (event->kind == GO_SYSCALL_END) != (p && p->status == GO_PROC_SYSCALL))
        return wrong(check, "a call ends otherwise than it began");
    g->status = event->kind == GO_SYSCALL_END ? GO_RUNNING : GO_RUNNABLE;
    if (event->kind == GO_SYSCALL_END)
        p->status = GO_PROC_RUNNING;
    else
        m->g = 0;
    return true;
}

static bool task(struct check *check, uint64_t id, bool begins) {
    uint32_t index = entry(&check->tasks, id, &check->task_is_active, &check->tasks_space, sizeof(bool));
    if (begins && check->task_is_active[index])
        return wrong(check, "a task begins twice");
    check->task_is_active[index] = begins;
    return true;
}

static struct text string_of(const struct check *check, uint64_t id) {
    return id ? check->texts[key_set_find(&check->string_ids, id)] : (struct text){NULL, 0};
}

static bool region(struct check *check, struct goroutine *g, const struct event *event) {
    struct text text = string_of(check, event->arguments[1]);
    if (event->kind == GO_REGION_BEGIN) {
        if (g->n_regions == REGIONS_MOST)
            return wrong(check, "too many regions");
        g->regions[g->n_regions].task = event->arguments[0];
        g->regions[g->n_regions++].text = text;
        return true;
    }
    if (!g->n_regions)
        return true; /* it began before */
    g->n_regions--;
    if (g->regions[g->n_regions].task != event->arguments[0] || g->regions[g->n_regions].text.size != text.size ||
        (text.size && memcmp(g->regions[g->n_regions].text.bytes, text.bytes, text.size) != 0))
        return wrong(check, "regions cross");
    return true;
}

static bool replay(struct check *check, const struct event *event) {
    struct machine *m = machine(check, event->m);
    struct goroutine *g = m->g ? goroutine(check, m->g - 1) : NULL;
    switch (event->kind) {
    case GO_PROC_STATUS:
        return proc_status(check, m, event->arguments[0], event->arguments[1]);
    case GO_STATUS:
    case GO_STATUS_STACK:
        return go_status(check, m, event->arguments[0], event->arguments[2]);
    case GO_PROC_START:
        return proc_start(check, m, event);
    case GO_CREATE:
        return go_create(check, m, event->arguments[0]);
    case GO_START:
        return go_start(check, m, event);
    case GO_UNBLOCK:
        return go_unblock(check, event);
    case GO_SYSCALL_END_BLOCKED:
        return g ? syscall_event(check, m, g, event) : wrong(check, "nobody's call ends");
    default:
        break;
    }
    if (!m->p)
        return wrong(check, "an event of a thread without a row");
    if (event->kind == GO_PROC_STOP) {
        row(check, m->p - 1)->status = GO_PROC_IDLE;
        m->p = 0;
        return true;
    }
    if (event->kind == GO_HEAP_ALLOC)
        return true;
    if (!g)
        return wrong(check, "an event of no thread");
    switch (event->kind) {
    case GO_DESTROY:
        return stop(check, m, g, 0);
    case GO_STOP:
        return stop(check, m, g, GO_RUNNABLE);
    case GO_BLOCK:
        return stop(check, m, g, GO_WAITING);
    case GO_SYSCALL_BEGIN:
    case GO_SYSCALL_END:
        return syscall_event(check, m, g, event);
    case GO_TASK_BEGIN:
    case GO_TASK_END:
        return task(check, event->arguments[0], event->kind == GO_TASK_BEGIN);
    case GO_REGION_BEGIN:
    case GO_REGION_END:
        return region(check, g, event);
    default:
        return true;
    }
}

/* ---- Generations ---------------------------------------------------------------------------------------------------*/
static int by_tick(const void *a, const void *b) {
    const struct event *left = a, *right = b;
    if (left->tick != right->tick)
        return left->tick < right->tick ? -1 : 1;
    return left->order < right->order ? -1 : left->order > right->order;
}

static void list_text(struct check *check, uint64_t id) {
    struct text text = string_of(check, id);
    buffer_printf(check->listing, "%.*s", (int)text.size, text.bytes ? (const char *)text.bytes : "");
}

static void list(struct check *check, const struct event *event) {
    buffer_printf(check->listing, "%llu m%llu %s", (unsigned long long)event->tick, (unsigned long long)event->m,
                  kinds[event->kind].name);
    for (unsigned i = 0; kinds[event->kind].arguments[i]; i++) {
        uint64_t value = event->arguments[i];
        buffer_add_string(check->listing, " ");
        if (kinds[event->kind].arguments[i] == 'n') {
            buffer_printf(check->listing, "%llu", (unsigned long long)value);
        } else if (kinds[event->kind].arguments[i] == 's') {
            buffer_add_string(check->listing, "\"");
            list_text(check, value);
            buffer_add_string(check->listing, "\"");
        } else if (value) {
            const struct frames *frames = &check->stacks[key_set_find(&check->stack_ids, value)];
            for (uint64_t k = 0; k < frames->n; k++) {
                buffer_add_string(check->listing, k ? "<" : "");
                list_text(check, frames->strings[k]);
            }
        } else {
            buffer_add_string(check->listing, "-");
        }
    }
    buffer_add_string(check->listing, "\n");
}

static bool references(struct check *check, const struct event *event) {
    const char *arguments = kinds[event->kind].arguments;
    for (unsigned i = 0; arguments[i]; i++)
        if ((arguments[i] == 's' && !has_string(check, event->arguments[i])) ||
            (arguments[i] == 'k' && !has_stack(check, event->arguments[i])))
            return false;
    return true;
}

static bool replay_all(struct check *check) {
    if (!check->n_events)
        return true;
    qsort(check->events, check->n_events, sizeof *check->events, by_tick);
    uint64_t last_m = BATCH_NO_THREAD;
    for (uint32_t i = 0; i < check->n_events; i++) {
        const struct event *event = &check->events[i];
        if (event->tick < check->last_tick || (event->tick == check->last_tick && event->m != last_m))
            return wrong(check, "two threads at the same tick, or a generation before the last");
        check->last_tick = event->tick;
        last_m = event->m;
        if (!references(check, event))
            return false;
        if (check->listing)
            list(check, event);
        if (!replay(check, event))
            return false;
    }
    return true;
}

/* One pass over the batches of the generation at check->at. `ret_end` is behind them. */
static bool batches(struct check *check, bool is_skipped, bool tables, const uint8_t **ret_end) {
    const uint8_t *at = check->at;
    for (bool any = false; at < check->limit && *at == 1; any = true) {
        const uint8_t *start = at++;
        uint64_t generation, m, tick, size;
        if (!number(check, &at, check->limit, &generation) || !number(check, &at, check->limit, &m) ||
            !number(check, &at, check->limit, &tick) || !number(check, &at, check->limit, &size))
            return false;
        if (size > 65536 || size > (size_t)(check->limit - at))
            return wrong(check, "a batch too large");
        if (!any)
            check->generation = generation;
        if (generation != check->generation) {
            at = start;
            break;
        }
        if (!is_skipped && !read_batch(check, m, tick, at, at + size, tables))
            return false;
        at += size;
    }
    if (check->version >= 26 && (at >= check->limit || *at++ != GO_END_OF_GENERATION))
        return wrong(check, "no end of the generation");
    *ret_end = at;
    return true;
}

static bool generation(struct check *check, bool is_skipped) {
    check->n_events = 0;
    check->has_frequency = false;
    key_set_keep(&check->string_ids, 0);
    key_set_keep(&check->stack_ids, 0);
    const uint8_t *end = NULL;
    uint64_t before = check->generation;
    if (!batches(check, is_skipped, true, &end) || !batches(check, is_skipped, false, &end))
        return false;
    if (end == check->at || check->generation != before + 1)
        return wrong(check, "no batch, or a generation that does not follow");
    check->at = end;
    if (is_skipped)
        return true;
    for (uint32_t i = 0; i < check->stack_ids.n; i++)
        for (uint64_t k = 0; k < check->stacks[i].n; k++)
            if (!has_string(check, check->stacks[i].strings[k]))
                return false;
    if (!check->has_frequency)
        return wrong(check, "no frequency");
    return replay_all(check);
}

static bool file(struct check *check, unsigned skip, unsigned *ret_generations) {
    if (check->limit - check->at < 16 || memcmp(check->at, "go 1.", 5) != 0 ||
        memcmp(check->at + 7, " trace\0\0\0", 9) != 0)
        return wrong(check, "the header");
    check->version = (unsigned)atoi((const char *)check->at + 5);
    check->at += 16;
    for (*ret_generations = 0; check->at < check->limit; ++*ret_generations) {
        check->is_first = *ret_generations <= skip;
        if (!generation(check, *ret_generations < skip))
            return false;
    }
    return true;
}

static void done(struct check *check) {
    struct key_set *sets[] = {&check->string_ids, &check->stack_ids, &check->gs, &check->ps, &check->ms, &check->tasks};
    for (unsigned i = 0; i < sizeof sets / sizeof *sets; i++)
        key_set_done(sets[i]);
    free(check->texts);
    free(check->stacks);
    free(check->goroutines);
    free(check->rows);
    free(check->machines);
    free(check->task_is_active);
    free(check->events);
}

const char *go_check(const void *data, size_t size, unsigned skip, struct buffer *ret) {
    static char why[sizeof((struct check){0}.why)];
    struct check check = {.at = data, .limit = (const uint8_t *)data + size, .listing = ret};
    unsigned generations;
    bool is_good = file(&check, skip, &generations);
    done(&check);
    memcpy(why, check.why, sizeof why);
    return is_good ? NULL : why;
}

unsigned go_check_generations(const void *data, size_t size) {
    struct check check = {.at = data, .limit = (const uint8_t *)data + size};
    unsigned generations = 0;
    file(&check, UINT32_MAX, &generations);
    done(&check);
    return generations;
}
