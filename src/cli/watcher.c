#include "cli/watcher.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "report/table.h"
#include "report/units.h"

#define ROUND_NS NS_PER_S

/* What is seen of a phase. */
struct sight {
    char what[sizeof((struct tui_state){0}).hot_what];
    char note[sizeof((struct tui_state){0}).hot_note];
    struct tui_hot hot[TUI_HOT_MAX];
    size_t n_hot;
};

struct watcher {
    struct capture *capture;
    const struct focus *focus;
    pthread_t thread;
    volatile int interrupted; /* what the transfer under way looks at */

    /* The thread's own. */
    struct profile *profile; /* of `profiled` so far */
    const struct phase *profiled;
    bool knows_cpu_is_shared;

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    const struct phase *phase;
    bool ends;
    uint64_t threads;
    struct sight sight;
};

static void cleanup_profile(struct profile **profile) {
    profile_free(*profile);
}

static const char *file_of(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static void add_row(struct sight *sight, const struct table_row *row, int64_t total) {
    struct tui_hot *hot = &sight->hot[sight->n_hot++];
    snprintf(hot->function, sizeof hot->function, "%s", row->function);
    if (row->file[0] && row->line > 0)
        snprintf(hot->place, sizeof hot->place, "%s:%" PRId64, file_of(row->file), row->line);
    hot->share = total > 0 ? (double)row->flat / (double)total : 0;
}

static int describe(struct watcher *watcher, struct sight *ret) {
    const struct filter filter = {.focus = watcher->focus};
    struct table table;
    uint32_t type = profile_default_sample_type(watcher->profile);
    int error = table_build(watcher->profile, type, TABLE_BY_FUNCTION, &filter, &table);
    if (error)
        return error;
    snprintf(ret->what, sizeof ret->what, "%.30s %.30s", table.type->type,
             units_value(table.total, table.type->unit).text);
    for (size_t i = 0; i < table.n_rows && ret->n_hot < TUI_HOT_MAX && table.rows[i].flat > 0; i++)
        add_row(ret, &table.rows[i], table.total);
    table_done(&table);
    return 0;
}

/* Add a profile to those of the phase so far; of what is in use the last one counts. */
static int add_profile(struct watcher *watcher, const struct phase *phase, struct profile **profile) {
    struct profile *sum = NULL;
    if (watcher->profile && phase->capture != PHASE_CAPTURES_AT_END) {
        int error = profile_merge((const struct profile *const[]){watcher->profile, *profile}, NULL, 2, &sum);
        if (error)
            return error;
    } else {
        sum = *profile;
        *profile = NULL;
    }
    profile_free(watcher->profile);
    watcher->profile = sum;
    return 0;
}

static void publish(struct watcher *watcher, const struct phase *phase, const struct sight *sight) {
    pthread_mutex_lock(&watcher->lock);
    if (watcher->phase == phase)
        watcher->sight = *sight;
    pthread_mutex_unlock(&watcher->lock);
}

static int look_at_profile(struct watcher *watcher, const struct phase *phase, struct sight *ret, char *why) {
    _cleanup_(cleanup_profile) struct profile *profile = NULL;
    _cleanup_buffer_ struct buffer file = BUFFER_INIT(CAPTURE_PROFILE_BYTES_MAX);
    char name[48];
    bool at_once = phase->capture == PHASE_CAPTURES_AT_END;
    snprintf(name, sizeof name, "%s%s", phase->endpoint, at_once ? "" : "?seconds=1");
    int error = capture_get(watcher->capture, name, !at_once, file.most, &file, why);
    if (!error)
        error = profile_decode(file.data ? file.data : "", file.size, &profile, why, CAPTURE_WHY_BYTES);
    if (!error)
        error = add_profile(watcher, phase, &profile);
    return error ? error : describe(watcher, ret);
}

static void look_at_functions(struct watcher *watcher, const struct phase *phase) {
    _cleanup_free_ struct sight *sight = calloc(1, sizeof *sight);
    char why[CAPTURE_WHY_BYTES] = "out of memory";
    int error;
    if (!sight)
        return;
    if (!strcmp(phase->endpoint, "profile") && !watcher->knows_cpu_is_shared) {
        /* To ask would take it away from the phase itself. */
        error = -EBUSY;
        snprintf(why, sizeof why, "a Go server gives CPU profiles to one client at a time: see the report");
    } else {
        error = look_at_profile(watcher, phase, sight, why);
    }
    if (error == -ECANCELED)
        return;
    if (error)
        snprintf(sight->note, sizeof sight->note, "%.120s", why);
    publish(watcher, phase, sight);
}

/* "goroutine profile: total 8": what any server answers. */
static uint64_t count_from_profile(struct watcher *watcher) {
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(CAPTURE_DUMP_BYTES_MAX);
    char why[CAPTURE_WHY_BYTES];
    uint64_t n = 0;
    if (capture_get(watcher->capture, "goroutine?debug=1", 0, text.most, &text, why) || !text.data ||
        sscanf(text.data, "goroutine profile: total %" SCNu64, &n) != 1)
        return 0;
    return n;
}

static void count_threads(struct watcher *watcher) {
    struct capture_status status = {0};
    char why[CAPTURE_WHY_BYTES];
    uint64_t n = 0;
    if (capture_status(watcher->capture, &status, why) == 0)
        n = status.threads;
    capture_status_done(&status);
    watcher->knows_cpu_is_shared = n > 0; /* a status with threads is ours, and so is the sampler */
    if (!n)
        n = count_from_profile(watcher);
    pthread_mutex_lock(&watcher->lock);
    watcher->threads = n ? n : watcher->threads;
    pthread_mutex_unlock(&watcher->lock);
}

/* Wait for the next round, or for another phase. Returns whether there is one; `ret` is what to look at. */
static bool next_round(struct watcher *watcher, uint64_t due_ns, const struct phase **ret) {
    struct timespec due = {.tv_sec = (time_t)(due_ns / NS_PER_S), .tv_nsec = (long)(due_ns % NS_PER_S)};
    pthread_mutex_lock(&watcher->lock);
    int timed_out = 0;
    while (!watcher->ends && watcher->phase == watcher->profiled && !timed_out)
        timed_out = pthread_cond_timedwait(&watcher->changed, &watcher->lock, &due);
    __atomic_store_n(&watcher->interrupted, watcher->ends, __ATOMIC_RELAXED);
    *ret = watcher->phase;
    bool goes_on = !watcher->ends;
    pthread_mutex_unlock(&watcher->lock);
    return goes_on;
}

static void *watch(void *argument) {
    struct watcher *watcher = argument;
    const struct phase *phase;
    uint64_t due_ns = clock_monotonic_ns();
    while (next_round(watcher, due_ns, &phase)) {
        due_ns = clock_monotonic_ns() + ROUND_NS;
        if (phase != watcher->profiled) {
            profile_free(watcher->profile);
            watcher->profile = NULL;
            watcher->profiled = phase;
        }
        count_threads(watcher);
        if (phase && phase->endpoint)
            look_at_functions(watcher, phase);
    }
    return NULL;
}

static void free_watcher(struct watcher *watcher) {
    capture_free(watcher->capture);
    profile_free(watcher->profile);
    pthread_cond_destroy(&watcher->changed);
    pthread_mutex_destroy(&watcher->lock);
    free(watcher);
}

/* Signals are for the thread that runs the phases. */
static int start_thread(struct watcher *watcher) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = -pthread_create(&watcher->thread, NULL, watch, watcher);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

int watcher_start(const struct capture_options *options, const struct focus *focus, struct watcher **ret) {
    struct watcher *watcher = calloc(1, sizeof *watcher);
    if (!watcher)
        return -ENOMEM;
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&watcher->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&watcher->lock, NULL);
    watcher->focus = focus;
    struct capture_options own = *options;
    own.stop = &watcher->interrupted;
    int error = capture_new(&own, &watcher->capture);
    if (!error)
        error = start_thread(watcher);
    if (error) {
        free_watcher(watcher);
        return error;
    }
    *ret = watcher;
    return 0;
}

void watcher_stop(struct watcher *watcher) {
    if (!watcher)
        return;
    pthread_mutex_lock(&watcher->lock);
    watcher->ends = true;
    __atomic_store_n(&watcher->interrupted, 1, __ATOMIC_RELAXED);
    pthread_cond_signal(&watcher->changed);
    pthread_mutex_unlock(&watcher->lock);
    pthread_join(watcher->thread, NULL);
    free_watcher(watcher);
}

void watcher_watch(struct watcher *watcher, const struct phase *phase) {
    pthread_mutex_lock(&watcher->lock);
    if (watcher->phase != phase) {
        watcher->phase = phase;
        watcher->sight = (struct sight){0};
        __atomic_store_n(&watcher->interrupted, 1, __ATOMIC_RELAXED);
        pthread_cond_signal(&watcher->changed);
    }
    pthread_mutex_unlock(&watcher->lock);
}

uint64_t watcher_look(struct watcher *watcher, struct tui_state *state) {
    pthread_mutex_lock(&watcher->lock);
    uint64_t threads = watcher->threads;
    memcpy(state->hot_what, watcher->sight.what, sizeof state->hot_what);
    memcpy(state->hot_note, watcher->sight.note, sizeof state->hot_note);
    memcpy(state->hot, watcher->sight.hot, sizeof state->hot);
    state->n_hot = watcher->sight.n_hot;
    pthread_mutex_unlock(&watcher->lock);
    return threads;
}
