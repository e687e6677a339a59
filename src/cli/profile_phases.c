/* The phases of a run. Each: warm up under load, open the window, capture, close it, pause the load, write files, list
 * threads. Connections stay open from phase to phase. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "cli/dashboard.h"
#include "cli/profile_run.h"
#include "cli/stats_file.h"
#include "cli/window.h"
#include "load/figures.h"

#define TICK_NS (50 * NS_PER_MS)
#define DRAW_NS (100 * NS_PER_MS)
#define BUSY_RETRY_NS (500 * NS_PER_MS) /* between two attempts at a profiler that somebody else uses */
#define LEAK_LEAST 20u                  /* fewer more threads than this are no news */
#define LEAK_PHASES 3u                  /* and growth over fewer phases is no trend */

const struct phase phases[N_PHASES] = {
    {"baseline", NULL, NULL, PHASE_CAPTURES_NOTHING},
    {"cpu", "profile", "CPU time", PHASE_CAPTURES_TIMED},
    {"allocs", "allocs", "allocations during the load", PHASE_CAPTURES_DELTA},
    {"heap", "heap", "memory in use under load", PHASE_CAPTURES_AT_END},
    {"mutex", "mutex", "lock holders that others waited for", PHASE_CAPTURES_TIMED},
    {"block", "block", "waiting for locks and each other", PHASE_CAPTURES_TIMED},
};

struct phase_run {
    struct profile_run *run;
    const struct phase *phase;
    struct phase_result *result;
    struct window window;
    uint64_t drawn_ns; /* when the line was last drawn */
};

static void draw(struct phase_run *phase, const char *note) {
    struct progress_line line = {
        .phase = phase->phase->name,
        .elapsed_ns = phase->window.start_ns ? window_elapsed_ns(&phase->window) : 0,
        .length_ns = phase->window.length_ns,
        .stats = phase->window.start_ns ? &phase->window.stats : NULL,
        .note = note,
    };
    progress_update(&phase->run->progress, &line);
}

/* What takes its time on the server is not waited for; what is there after the phase is still fetched. */
static void end_early(struct phase_run *phase) {
    phase->run->ends_early = true;
    if (phase->phase->capture == PHASE_CAPTURES_TIMED && phase->window.start_ns && !phase->window.closed)
        capture_cancel(phase->run->capture);
}

/* Runs twenty times a second during whatever a phase waits for. Figures are only read where someone sees them. */
static void tick(void *data) {
    struct phase_run *phase = data;
    uint64_t now = clock_monotonic_ns();
    bool open = phase->window.start_ns && !phase->window.closed;
    bool ends = open && window_elapsed_ns(&phase->window) >= phase->window.length_ns;
    bool draws = phase->run->progress.live && now - phase->drawn_ns >= DRAW_NS;
    if (ends || (open && draws))
        window_refresh(&phase->window);
    if (open)
        moments_tick(&phase->run->moments, ends);
    if (!draws)
        return;
    phase->drawn_ns = now;
    draw(phase, !phase->window.start_ns ? "warming up" : phase->window.closed ? "reading the profile" : NULL);
    const struct dashboard *dashboard = phase->run->progress.dashboard;
    if (dashboard && dashboard_quits(dashboard) && !phase->run->ends_early)
        end_early(phase);
}

/* 0, sooner when the run is ended early; or -ECANCELED as soon as the stop flag is set. */
static int wait_until(struct phase_run *phase, uint64_t deadline_ns) {
    for (;;) {
        if (*phase->run->stop)
            return -ECANCELED;
        uint64_t now = clock_monotonic_ns();
        tick(phase);
        if (now >= deadline_ns || phase->run->ends_early)
            return 0;
        uint64_t rest = deadline_ns - now < TICK_NS ? deadline_ns - now : TICK_NS;
        nanosleep(&(struct timespec){.tv_nsec = (long)rest}, NULL);
    }
}

static int wait_for_window(struct phase_run *phase) {
    return wait_until(phase, phase->window.start_ns + phase->window.length_ns);
}

static void fail(struct phase_run *phase, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Note that something of the phase failed and say it, unless that is only because the run was interrupted. */
static void fail(struct phase_run *phase, const char *format, ...) {
    char why[CAPTURE_WHY_BYTES], text[CAPTURE_WHY_BYTES + 32];
    if (*phase->run->stop)
        return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, sizeof why, format, arguments);
    va_end(arguments);
    snprintf(text, sizeof text, "%s: %s", phase->phase->name, why);
    progress_complain(&phase->run->progress, "piko profile: %s", text);
    run_add_warning(phase->run, text);
    if (!phase->result->failed)
        memcpy(phase->result->why, why, sizeof why);
    phase->result->failed = true;
}

/* A Go server profiles for one client at a time: the others wait, here for the length of a phase. The window opens anew, for
 * what it counts is what was profiled. */
static int get_when_free(struct phase_run *phase, const char *name, unsigned seconds, struct buffer *ret, char *why) {
    uint64_t deadline_ns = clock_monotonic_ns() + phase->window.length_ns;
    for (;;) {
        int error = capture_get(phase->run->capture, name, seconds, ret->most, ret, why);
        if (error != -EBUSY || clock_monotonic_ns() >= deadline_ns)
            return error;
        error = wait_until(phase, clock_monotonic_ns() + BUSY_RETRY_NS);
        if (error || phase->run->ends_early)
            return error ? error : -ECANCELED;
        window_open(&phase->window);
    }
}

static int fetch(struct phase_run *phase, const char *query, unsigned seconds, struct buffer *ret) {
    char name[64], why[CAPTURE_WHY_BYTES] = "out of memory";
    snprintf(name, sizeof name, "%s%s", phase->phase->endpoint, query);
    int error = get_when_free(phase, name, seconds, ret, why);
    if (error && error != -ECANCELED)
        fail(phase, "%s", why);
    return error;
}

static int decode(struct phase_run *phase, const struct buffer *file, struct profile **ret) {
    char why[256] = "out of memory";
    int error = profile_decode(file->data ? file->data : "", file->size, ret, why, sizeof why);
    if (error)
        fail(phase, "%s%s is no valid profile: %s", capture_index_url(phase->run->capture), phase->phase->endpoint,
             why);
    return error;
}

static int fetch_profile(struct phase_run *phase, const char *query, unsigned seconds, struct buffer *file,
                         struct profile **ret) {
    int error = fetch(phase, query, seconds, file);
    return error ? error : decode(phase, file, ret);
}

static int capture_timed(struct phase_run *phase, struct buffer *file) {
    char query[48];
    unsigned seconds = phase->run->settings->duration_s, hz = phase->run->settings->cpu_rate_hz;
    int n = snprintf(query, sizeof query, "?seconds=%u", seconds);
    if (hz)
        snprintf(query + n, sizeof query - (size_t)n, "&hz=%u", hz);
    return fetch_profile(phase, query, seconds, file, &phase->result->profile);
}

static int capture_at_end(struct phase_run *phase, struct buffer *file) {
    int error = wait_for_window(phase);
    return error ? error : fetch_profile(phase, "", 0, file, &phase->result->profile);
}

static void cleanup_profile(struct profile **profile) {
    profile_free(*profile);
}

static int capture_delta(struct phase_run *phase, struct buffer *file) {
    _cleanup_(cleanup_profile) struct profile *before = NULL, *after = NULL, *delta = NULL;
    _cleanup_buffer_ struct buffer first = BUFFER_INIT(file->most), second = BUFFER_INIT(file->most);
    int error = fetch_profile(phase, "", 0, &first, &before);
    if (!error)
        error = wait_for_window(phase);
    if (!error)
        error = fetch_profile(phase, "", 0, &second, &after);
    if (error)
        return error;
    error = profile_delta(before, after, &delta);
    if (!error)
        error = profile_encode(delta, file);
    if (error) {
        fail(phase, "the difference of two profiles could not be made: %s", strerror(-error));
        return error;
    }
    phase->result->profile = delta;
    delta = NULL;
    return 0;
}

static int capture_phase(struct phase_run *phase, struct buffer *file) {
    switch (phase->phase->capture) {
    case PHASE_CAPTURES_NOTHING:
        return wait_for_window(phase);
    case PHASE_CAPTURES_TIMED:
        return capture_timed(phase, file);
    case PHASE_CAPTURES_DELTA:
        return capture_delta(phase, file);
    case PHASE_CAPTURES_AT_END:
        return capture_at_end(phase, file);
    }
    return -EINVAL;
}

/* Warm-up, window, capture; the load is paused again whatever happens. The window's figures go to the result. */
static int run_under_load(struct phase_run *phase, struct buffer *file) {
    int error = load_resume(phase->run->load);
    if (error) {
        fail(phase, "the load could not be started: %s", strerror(-error));
        return error;
    }
    error = wait_until(phase, clock_monotonic_ns() + phase->run->settings->warmup_ns);
    if (!error && phase->run->ends_early)
        error = -ECANCELED;
    if (!error) {
        window_open(&phase->window);
        moments_start(&phase->run->moments, phase->window.length_ns);
        error = capture_phase(phase, file);
        window_close(&phase->window);
        moments_tick(&phase->run->moments, /* ends= */ true);
        phase->result->has_stats = error != -ECANCELED;
    }
    load_pause(phase->run->load);
    return error;
}

static void write_stats(struct phase_run *phase) {
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(64 << 10);
    const struct load_settings *load = &phase->run->settings->load;
    struct stats_file file = {phase->phase->name, load->urls[0], load->concurrency, load->rate, &phase->window.stats};
    char name[OUTPUT_NAME_BYTES];
    snprintf(name, sizeof name, phase->phase->endpoint ? "%s.pprof.stats" : "%s.stats", phase->phase->name);
    if (stats_file_write(&file, &text) || !run_write(phase->run, name, text.data, text.size))
        fail(phase, "%s could not be written", name);
}

static void write_profile(struct phase_run *phase, const struct buffer *file) {
    char name[OUTPUT_NAME_BYTES];
    snprintf(name, sizeof name, "%s.pprof", phase->phase->name);
    if (!run_write(phase->run, name, file->data, file->size))
        fail(phase, "%s could not be written", name);
}

/* Each thread is a line "goroutine 12 [running]:". */
static uint64_t count_threads(const struct buffer *dump) {
    static const char head[] = "goroutine ";
    uint64_t n = 0;
    for (const char *line = dump->data; line;) {
        n += !strncmp(line, head, sizeof head - 1);
        line = strchr(line, '\n');
        line = line ? line + 1 : NULL;
    }
    return n;
}

static void list_threads(struct phase_run *phase) {
    _cleanup_buffer_ struct buffer dump = BUFFER_INIT(CAPTURE_DUMP_BYTES_MAX);
    char name[OUTPUT_NAME_BYTES], why[CAPTURE_WHY_BYTES] = "out of memory";
    if (capture_get(phase->run->capture, "goroutine?debug=2", 0, dump.most, &dump, why)) {
        fail(phase, "%s", why);
        return;
    }
    phase->result->threads = count_threads(&dump);
    if (phase->result->threads == 0) {
        fail(phase, "what answers at goroutine?debug=2 is no list of threads");
        return;
    }
    snprintf(name, sizeof name, "%s.goroutines.txt", phase->phase->name);
    if (!run_write(phase->run, name, dump.data, dump.size))
        fail(phase, "%s could not be written", name);
}

/* A phase without one answered request says little about the program under load: never let it pass in silence. */
static void check_requests(struct phase_run *phase) {
    const struct load_stats *stats = &phase->window.stats;
    if (stats->requests > 0)
        return;
    if (phase->run->ends_early && load_stats_failures(stats) == 0)
        return;
    if (load_stats_failures(stats) > 0)
        fail(phase, "not one request succeeded, %s failed (%s)%s", figure_count(load_stats_failures(stats)).text,
             load_stats_first_failure(stats),
             stats->failures[LOAD_TLS] ? "; --cacert FILE names whom to trust, --insecure takes any certificate" : "");
    else
        fail(phase, "not one request was answered within %u s by %s", phase->run->settings->duration_s,
             phase->run->settings->load.urls[0]);
}

static void finish_line(struct phase_run *phase) {
    struct phase_result *result = phase->result;
    char note[96];
    const char *noun = phase->phase->capture == PHASE_CAPTURES_NOTHING ? "thread" : "stack";
    uint64_t n = result->profile ? result->profile->n_samples : result->threads;
    snprintf(note, sizeof note, "%s %s%s", figure_count(n).text, noun, n == 1 ? "" : "s");
    bool has_note = result->profile || (!phase->phase->endpoint && result->threads > 0);
    struct progress_line line = {phase->phase->name, phase->window.length_ns, phase->window.length_ns,
                                 &phase->window.stats, has_note ? note : NULL};
    progress_finish(&phase->run->progress, &line);
}

/* A profiler that is gone is noticed before the load is spent on its phase. */
static bool profiler_answers(struct phase_run *phase) {
    char why[CAPTURE_WHY_BYTES] = "out of memory";
    if (!phase->phase->endpoint || capture_check(phase->run->capture, why) == 0)
        return true;
    fail(phase, "skipped, for nothing answers at %s any more (%s)", capture_index_url(phase->run->capture), why);
    return false;
}

/* 0, or -ECANCELED when the run was interrupted before the phase had what it came for. Other failures are in the result. */
static int run_phase(struct phase_run *phase) {
    _cleanup_buffer_ struct buffer file = BUFFER_INIT(CAPTURE_PROFILE_BYTES_MAX);
    if (!profiler_answers(phase))
        return *phase->run->stop ? -ECANCELED : 0;
    int error = run_under_load(phase, &file);
    if (error == -ECANCELED)
        return error;
    if (phase->result->has_stats)
        write_stats(phase);
    if (!error)
        check_requests(phase);
    if (phase->result->profile)
        write_profile(phase, &file);
    /* After a profile that never came, a thread list will not come either, and would cost another time-out. */
    if (error != -ETIMEDOUT && error != -ECONNREFUSED && !*phase->run->stop)
        list_threads(phase);
    if (phase->result->has_stats)
        finish_line(phase);
    return 0;
}

/* Failures that are few enough to leave the phase a success are said in the report. */
static void note_failures(struct phase_run *phase) {
    const struct load_stats *stats = &phase->window.stats;
    uint64_t failed = load_stats_failures(stats);
    struct load_error *errors;
    size_t n = load_take_errors(phase->run->load, &errors);
    errors_file_add(&phase->run->errors, phase->phase->name, errors, n);
    free(errors);
    if (phase->result->has_stats)
        load_verdict(phase->run, phase->phase->name, stats);
    if (!phase->result->has_stats || !failed || !stats->requests)
        return;
    char text[LOAD_EXAMPLE_BYTES + 128];
    snprintf(text, sizeof text, "%s: %s of %s requests failed (the first: %s)", phase->phase->name,
             figure_count(failed).text, figure_count(failed + stats->requests).text, load_stats_first_failure(stats));
    run_add_warning(phase->run, text);
}

/* Move the window's figures to the result, which outlives it. */
static void keep_stats(struct phase_run *phase) {
    phase->result->n_moments = phase->run->moments.n - phase->result->first_moment;
    if (!phase->result->has_stats)
        return;
    phase->result->start_ns = phase->window.start_ns - phase->run->moments.run_start_ns;
    phase->result->stats = phase->window.stats;
    phase->window.stats = (struct load_stats){0};
}

/* Each count was taken at the same point, after a phase's load and with all connections open. One that is larger once may
 * have many reasons; a leak goes on. */
static void warn_of_growth(struct profile_run *run) {
    uint64_t first = 0, last = 0;
    unsigned n = 0;
    for (size_t i = 0; i < N_PHASES; i++) {
        uint64_t threads = run->results[i].threads;
        if (!threads)
            continue;
        if (n++ && threads <= last)
            return;
        first = first ? first : threads;
        last = threads;
    }
    if (n >= LEAK_PHASES && last - first >= LEAK_LEAST)
        run_warn(run, "threads grew from %" PRIu64 " to %" PRIu64 " over the phases: is there a leak?", first, last);
}

void phases_run(struct profile_run *run) {
    for (size_t i = 0; i < N_PHASES && !*run->stop && !run->ends_early; i++) {
        if (!(run->settings->phases & 1u << i))
            continue;
        struct phase_run phase = {.run = run, .phase = &phases[i], .result = &run->results[i]};
        phase.result->first_moment = run->moments.n;
        int error = window_init(&phase.window, run->load, run->settings->duration_s * NS_PER_S);
        if (error) {
            fail(&phase, "%s", strerror(-error));
        } else {
            capture_set_tick(run->capture, tick, &phase);
            error = run_phase(&phase);
            capture_set_tick(run->capture, NULL, NULL);
            note_failures(&phase);
            progress_end_phase(&run->progress, phase.phase->name, phase.result->failed,
                               phase.result->has_stats ? &phase.window.stats : NULL);
            keep_stats(&phase);
        }
        phase.result->reached = error != -ECANCELED;
        window_done(&phase.window);
    }
    warn_of_growth(run);
}
