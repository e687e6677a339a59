/* piko profile URL: check everything, load and capture, report. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "cli/command.h"
#include "cli/dashboard.h"
#include "cli/profile_run.h"
#include "cli/signals.h"
#include "load/figures.h"

#define COMPLAINT "piko profile: "

void run_add_warning(struct profile_run *run, const char *text) {
    if (run->n_warnings == WARNINGS_MAX)
        return;
    char *copy = strdup(text);
    if (copy)
        run->warnings[run->n_warnings++] = copy;
}

void run_warn(struct profile_run *run, const char *format, ...) {
    char text[CAPTURE_WHY_BYTES + 256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    progress_complain(&run->progress, "Warning: %s", text);
    run_add_warning(run, text);
}

bool run_write(struct profile_run *run, const char *name, const void *data, size_t size) {
    int error = output_write(&run->output, name, data, size);
    if (error)
        progress_complain(&run->progress, COMPLAINT "%s/%s: %s", run->output.folder, name, strerror(-error));
    return !error;
}

static void run_done(struct profile_run *run) {
    for (size_t i = 0; i < N_PHASES; i++) {
        load_stats_done(&run->results[i].stats);
        profile_free(run->results[i].profile);
    }
    for (size_t i = 0; i < run->n_warnings; i++)
        free(run->warnings[i]);
    moments_done(&run->moments);
    load_free(run->load);
    capture_free(run->capture);
    errors_file_done(&run->errors);
    output_done(&run->output);
}

/* The folder must hold one run: what an earlier one left under our names goes. */
static void remove_old_files(struct profile_run *run) {
    static const char *const endings[] = {".pprof", ".pprof.stats", ".stats", ".goroutines.txt"};
    static const char *const others[] = {"errors.jsonl",      "profiler_status.json",
                                         "rolling_trace.out", "live_performance_report.txt",
                                         LOAD_FILE_NAME,      "report.html"};
    char name[OUTPUT_NAME_BYTES];
    for (size_t i = 0; i < N_PHASES; i++) {
        for (size_t j = 0; j < sizeof endings / sizeof endings[0]; j++) {
            snprintf(name, sizeof name, "%s%s", phases[i].name, endings[j]);
            output_remove_old(&run->output, name);
        }
    }
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        output_remove_old(&run->output, others[i]);
}

static int open_output(struct profile_run *run) {
    int error = output_open(&run->output, run->settings->output);
    if (!error)
        return EXIT_DONE;
    fprintf(stderr, COMPLAINT "--output %s: files cannot be written there: %s\n", run->settings->output,
            strerror(-error));
    return EXIT_NOTHING;
}

static int find_application(struct profile_run *run) {
    const struct profile_settings *settings = run->settings;
    struct load_options options = load_settings_options(&settings->load);
    char why[512] = "out of memory";
    int error = load_new(&options, &run->load, why, sizeof why);
    if (!error)
        return EXIT_DONE;
    if (error == -EINVAL) {
        fprintf(stderr, COMPLAINT "%s\n", why);
        return EXIT_USAGE;
    }
    fprintf(stderr, COMPLAINT "nothing answers at %s (%s)\n  Is the application running there?\n",
            settings->load.urls[0], why);
    return EXIT_NOTHING;
}

/* Where no prefix was given: ours and the Go Piko's, then the one of Go's own net/http/pprof. */
static const char *const prefixes[] = {"/_piko/debug/pprof", "/debug/pprof"};

static int set_prefix(struct profile_run *run, const char *prefix) {
    run->profiler.prefix = prefix;
    return capture_set_prefix(run->capture, prefix);
}

/* Look at each place until one answers; what is said is of the first, which is the one to expect. */
static int look_for_profiler(struct profile_run *run, char *why) {
    const char *given = run->settings->profiler_prefix;
    int error = capture_check(run->capture, why);
    for (size_t i = 1; !given && error == -EPROTO && i < sizeof prefixes / sizeof prefixes[0]; i++) {
        char other[CAPTURE_WHY_BYTES];
        if (set_prefix(run, prefixes[i]))
            return -ENOMEM;
        if (capture_check(run->capture, other) == 0)
            return 0;
    }
    return error;
}

static int find_profiler(struct profile_run *run) {
    const struct profile_settings *settings = run->settings;
    char why[CAPTURE_WHY_BYTES] = "out of memory";
    const char *prefix = settings->profiler_prefix ? settings->profiler_prefix : prefixes[0];
    run->profiler = (struct capture_options){
        .base = settings->profiler_base,
        .prefix = prefix,
        .unix_path = settings->pprof_unix,
        .token = settings->pprof_token,
        .ca_file = settings->load.ca_file,
        .insecure = settings->load.insecure,
        .stop = run->stop,
    };
    int error = capture_new(&run->profiler, &run->capture);
    if (!error)
        error = look_for_profiler(run, why);
    if (!error)
        return EXIT_DONE;
    fprintf(stderr,
            COMPLAINT "%s at %s%s/ (%s)\n"
                      "  Is the program running with profiling on?\n"
                      "  Another address?  Try:  --pprof-port 7070   or   --pprof-url http://host:port/debug/pprof\n",
            error == -EPROTO ? "no profiler answers" : "nothing answers", settings->profiler_base, prefix, why);
    return EXIT_NOTHING;
}

/* Everything that can be wrong is found out before any load. */
static int prepare(struct profile_run *run) {
    int status = open_output(run);
    if (status != EXIT_DONE)
        return status;
    status = find_application(run);
    if (status == EXIT_DONE)
        status = find_profiler(run);
    if (status != EXIT_DONE)
        output_abandon(&run->output);
    return status;
}

static void print_head(struct profile_run *run, const struct capture_status *status) {
    const struct profile_settings *settings = run->settings;
    struct progress *progress = &run->progress;
    progress_print(progress, "piko profile  %s  ->  %s/", settings->load.urls[0], run->output.folder);
    if (settings->load.n_urls > 1)
        progress_print(progress, "  urls        %zu, in turn", settings->load.n_urls);
    progress_print(progress, "  profiler    %s%s%s", capture_index_url(run->capture),
                   status->rolling_trace ? ", rolling trace " : "", status->rolling_trace_min_age);
    char rate[64] = "";
    if (settings->load.rate)
        snprintf(rate, sizeof rate, "%s requests/s planned, ", figure_count(settings->load.rate).text);
    progress_print(progress, "  load        %s%u connections, %u s a phase, %u phase%s", rate,
                   settings->load.concurrency, settings->duration_s, run->n_wanted, run->n_wanted == 1 ? "" : "s");
    /* Values stay out of logs: they are often somebody's key. */
    for (size_t i = 0; i < settings->load.n_headers; i++)
        progress_print(progress, "  header      %.*s", (int)strcspn(settings->load.headers[i], ":"),
                       settings->load.headers[i]);
    if (settings->focus_expression)
        progress_print(progress, "  focus       %s", settings->focus_expression);
    progress_print(progress, "%s", "");
}

static void read_status(struct profile_run *run, struct capture_status *ret) {
    char why[CAPTURE_WHY_BYTES] = "out of memory";
    int error = capture_status(run->capture, ret, why);
    if (error && error != -ENOENT && error != -ECANCELED)
        run_warn(run, "the profiler's status could not be read: %s", why);
    if (!error && !run_write(run, "profiler_status.json", ret->json, strlen(ret->json)))
        run->extras_failed = true;
}

static void save_rolling_trace(struct profile_run *run, const struct capture_status *status) {
    if (!status->rolling_trace || *run->stop)
        return;
    _cleanup_buffer_ struct buffer trace = BUFFER_INIT(CAPTURE_PROFILE_BYTES_MAX);
    char why[CAPTURE_WHY_BYTES] = "out of memory";
    if (capture_get_path(run->capture, status->rolling_trace_path, 0, trace.most, &trace, why)) {
        if (!*run->stop)
            run_warn(run, "no rolling trace: %s", why);
        run->extras_failed = true;
    } else if (!run_write(run, "rolling_trace.out", trace.data, trace.size)) {
        run->extras_failed = true;
    }
}

static void save_errors(struct profile_run *run) {
    struct load_stats stats;
    if (load_stats_init(&stats))
        return;
    load_snapshot(run->load, &stats);
    errors_file_end(&run->errors, load_stats_failures(&stats));
    load_stats_done(&stats);
    if (run->errors.text.size && !run_write(run, "errors.jsonl", run->errors.text.data, run->errors.text.size))
        run->extras_failed = true;
}

static void note_interruption(struct profile_run *run) {
    char text[64];
    unsigned ended = 0;
    if (!*run->stop && !run->ends_early)
        return;
    for (size_t i = 0; i < N_PHASES; i++)
        ended += run->results[i].reached;
    snprintf(text, sizeof text, "%s: %u of %u phases finished", *run->stop ? "interrupted" : "ended early", ended,
             run->n_wanted);
    progress_complain(&run->progress, COMPLAINT "%s", text);
    run_add_warning(run, text);
}

/* The exit status; the last line says why it is not 0. */
static int conclude(struct profile_run *run) {
    unsigned failed = 0;
    for (size_t i = 0; i < N_PHASES; i++)
        failed += run->results[i].failed;
    if (*run->stop)
        return EXIT_SIGNAL + *run->stop;
    if (!run_is_usable(run)) {
        progress_complain(&run->progress, COMPLAINT "nothing usable: no request succeeded and no profile was captured");
        return EXIT_NOTHING;
    }
    if (failed > 0) {
        progress_complain(&run->progress, COMPLAINT "partial: something failed in %u of %u phases, see above", failed,
                          run->n_wanted);
        return EXIT_PARTIAL;
    }
    return run->extras_failed || run->ends_early ? EXIT_PARTIAL : EXIT_DONE;
}

/* Without the dashboard, for whatever reason, the run goes on in plain lines. */
static void run_phases(struct profile_run *run) {
    struct dashboard *dashboard = NULL;
    int error = run->settings->tui ? dashboard_open(run, &dashboard) : 0;
    if (error)
        run_warn(run, "--tui: the dashboard could not be started: %s", strerror(-error));
    progress_hold(&run->progress, dashboard);
    phases_run(run);
    dashboard_close(dashboard);
    progress_release(&run->progress);
}

static int run_phases_and_report(struct profile_run *run) {
    struct capture_status status = {0};
    progress_init(&run->progress, stdout);
    if (run->settings->duration_s < DURATION_RECOMMENDED_S)
        run_warn(run,
                 "--duration %u is below the recommended minimum of %u seconds. CPU profile statistics may be "
                 "unreliable with short durations.",
                 run->settings->duration_s, DURATION_RECOMMENDED_S);
    remove_old_files(run);
    read_status(run, &status);
    print_head(run, &status);
    run_phases(run);
    save_rolling_trace(run, &status);
    save_errors(run);
    note_interruption(run);
    if (run_is_usable(run))
        summary_print(run);
    else if (run->output.n_files == 0)
        output_abandon(&run->output);
    capture_status_done(&status);
    return conclude(run);
}

static int run_profile(const struct profile_settings *settings) {
    struct profile_run run = {
        .settings = settings,
        .n_wanted = (unsigned)__builtin_popcount(settings->phases),
        .stop = signals_stop(),
        .errors = ERRORS_FILE_INIT,
    };
    int status = prepare(&run);
    if (status == EXIT_DONE && moments_init(&run.moments, run.load, clock_monotonic_ns())) {
        fputs(COMPLAINT "out of memory\n", stderr);
        status = EXIT_NOTHING;
    }
    if (status == EXIT_DONE) {
        signals_catch();
        status = run_phases_and_report(&run);
    }
    run_done(&run);
    return status;
}

int profile_command(int argc, char *const *argv) {
    struct profile_settings settings;
    char why[OPTIONS_WHY_BYTES] = "out of memory";
    int status;
    int error = profile_settings_parse(argc, argv, &settings, why);
    if (error) {
        fprintf(stderr, COMPLAINT "%s\nTry: piko help profile\n", why);
        status = error == -EINVAL ? EXIT_USAGE : EXIT_NOTHING;
    } else {
        status = settings.help ? profile_settings_help() : run_profile(&settings);
    }
    profile_settings_done(&settings);
    return status;
}
