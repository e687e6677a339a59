/* What a run leaves: the report, and where everything is. Only what is there is claimed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/objects.h"
#include "cli/profile_run.h"
#include "cli/stats_file.h"
#include "cli/terminal.h"
#include "report/findings.h"
#include "report/report.h"

static const char report_name[] = "live_performance_report.txt", page_name[] = "report.html";

bool run_is_usable(const struct profile_run *run) {
    if (run->results[0].has_stats && run->results[0].stats.requests > 0)
        return true;
    for (size_t i = 1; i < N_PHASES; i++)
        if (run->results[i].profile)
            return true;
    return false;
}

static struct report_phase describe(const struct phase_result *result, const struct phase *phase) {
    const char *missing = NULL;
    if (!result->profile)
        missing = result->reached && result->why[0] ? result->why : "not reached: the run was interrupted";
    return (struct report_phase){
        .name = phase->name,
        .profile = result->profile,
        .missing = missing,
        .requests = result->has_stats ? profiled_requests(&result->stats) : 0,
    };
}

/* Everything that a report of this run is made from. */
struct summary {
    struct report_phase profiles[N_PHASES - 1];
    struct load_phase loaded[N_PHASES];
    struct load_figures load;
    struct objects objects;
    struct report_run run;
};

static void describe_load(const struct profile_run *run, struct summary *ret) {
    for (size_t i = 0; i < N_PHASES; i++) {
        const struct phase_result *result = &run->results[i];
        if (!result->has_stats)
            continue;
        ret->loaded[ret->load.n_phases++] = (struct load_phase){
            .name = phases[i].name,
            .start_ns = result->start_ns,
            .stats = &result->stats,
            .threads = result->threads,
            .moments = run->moments.items + result->first_moment,
            .n_moments = result->n_moments,
        };
    }
    ret->load.url = run->settings->load.urls[0];
    ret->load.concurrency = run->settings->load.concurrency;
    ret->load.phases = ret->loaded;
    ret->load.warnings = (const char *const *)run->warnings;
    ret->load.n_warnings = run->n_warnings;
}

static void describe_run(const struct profile_run *run, struct summary *ret) {
    *ret = (struct summary){0};
    for (size_t i = 1; i < N_PHASES; i++)
        if (run->settings->phases & 1u << i)
            ret->profiles[ret->run.n_phases++] = describe(&run->results[i], &phases[i]);
    describe_load(run, ret);
    objects_find(ret->profiles, ret->run.n_phases, &ret->objects);
    report_run_set_load(&ret->run, &ret->load);
    ret->run.folder = run->output.folder;
    ret->run.phases = ret->profiles;
    ret->run.objects = ret->objects.items;
    ret->run.n_objects = ret->objects.n;
}

static void write_load(struct profile_run *run, const struct load_figures *load) {
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(LOAD_FILE_BYTES_MAX);
    if (load_file_write(load, &text) || !run_write(run, LOAD_FILE_NAME, text.data, text.size))
        run->extras_failed = true;
}

static void list_file(const struct profile_run *run, const char *name, const char *what, struct buffer *ret) {
    if (output_has(&run->output, name))
        buffer_printf(ret, "  %-28s %s\n", name, what);
}

/* The many small files are one line each kind. */
static bool has_any(const struct profile_run *run, const char *ending) {
    for (size_t i = 0; i < run->output.n_files; i++) {
        size_t length = strlen(run->output.files[i]);
        if (length > strlen(ending) && !strcmp(run->output.files[i] + length - strlen(ending), ending))
            return true;
    }
    return false;
}

static void list_files(const struct profile_run *run, struct buffer *ret) {
    char name[OUTPUT_NAME_BYTES];
    buffer_printf(ret, "Files in %s/\n", run->output.folder);
    list_file(run, page_name, "this report for a browser, with flame graphs", ret);
    list_file(run, report_name, "this report", ret);
    for (size_t i = 1; i < N_PHASES; i++) {
        snprintf(name, sizeof name, "%s.pprof", phases[i].name);
        list_file(run, name, phases[i].what, ret);
    }
    if (has_any(run, ".stats"))
        buffer_printf(ret, "  %-28s %s\n", "*.stats", "load figures of each phase");
    list_file(run, LOAD_FILE_NAME, "all of them, exactly, and over time", ret);
    if (has_any(run, ".goroutines.txt"))
        buffer_printf(ret, "  %-28s %s\n", "*.goroutines.txt", "all threads after each phase");
    list_file(run, "errors.jsonl", "requests that failed, one a line", ret);
    list_file(run, "profiler_status.json", "what the profiler can do", ret);
    list_file(run, "rolling_trace.out", "the last moments, for go tool trace", ret);
}

static void list_command(const struct profile_run *run, const char *command, const char *name, struct buffer *ret) {
    if (!output_has(&run->output, name))
        return;
    _cleanup_buffer_ struct buffer path = BUFFER_INIT(0);
    buffer_printf(&path, "%s/%s", run->output.folder, name);
    buffer_printf(ret, "  %s ", command);
    findings_add_quoted(ret, path.data ? path.data : name);
    buffer_add_string(ret, "\n");
}

static void list_commands(const struct profile_run *run, struct buffer *ret) {
    _cleanup_buffer_ struct buffer commands = BUFFER_INIT(0);
    list_command(run, "go tool pprof -http=:8081", "cpu.pprof", &commands);
    list_command(run, "go tool pprof -top -sample_index=alloc_space -lines", "allocs.pprof", &commands);
    list_command(run, "go tool pprof -top", "heap.pprof", &commands);
    list_command(run, "go tool pprof -peek .", "mutex.pprof", &commands);
    list_command(run, "go tool trace", "rolling_trace.out", &commands);
    if (commands.size > 0)
        buffer_printf(ret, "\nNext\n%s", commands.data);
}

/* The report's file, and the same for where it is printed: there it fits the terminal. */
static void write_report(struct profile_run *run, const struct report_run *report) {
    _cleanup_buffer_ struct buffer file = BUFFER_INIT(0), shown = BUFFER_INIT(0);
    struct report_options options = {.top = run->settings->top, .filter = {.focus = run->settings->focus}};
    int error = report_write(report, &options, &file);
    options.form = terminal_form(run->progress.out);
    if (!error)
        error = report_write(report, &options, &shown);
    if (error) {
        progress_complain(&run->progress, "piko profile: the report could not be made: %s", strerror(-error));
        run->extras_failed = true;
        return;
    }
    if (!run_write(run, report_name, file.data, file.size))
        run->extras_failed = true;
    progress_print(&run->progress, "%s", "");
    terminal_print(run->progress.out, &shown);
}

static void write_page(struct profile_run *run, const struct report_run *report) {
    _cleanup_buffer_ struct buffer page = BUFFER_INIT(0);
    const struct report_options options = {.top = run->settings->top, .filter = {.focus = run->settings->focus}};
    int error = report_html(report, &options, &page);
    if (error)
        progress_complain(&run->progress, "piko profile: report.html could not be made: %s", strerror(-error));
    if (error || !run_write(run, page_name, page.data, page.size))
        run->extras_failed = true;
}

/* The dashboard's figures are gone from the screen, and the report is long. */
static void print_brief(struct profile_run *run) {
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(0);
    if (!run->results[0].has_stats || report_write_brief(&run->results[0].stats, &text))
        return;
    progress_print(&run->progress, "Baseline\n%s", text.data);
}

void summary_print(struct profile_run *run) {
    _cleanup_buffer_ struct buffer ending = BUFFER_INIT(0);
    struct summary summary;
    describe_run(run, &summary);
    write_load(run, &summary.load);
    write_report(run, &summary.run);
    write_page(run, &summary.run);
    list_files(run, &ending);
    list_commands(run, &ending);
    progress_print(&run->progress, "\n%s", ending.data ? ending.data : "");
    if (run->settings->tui)
        print_brief(run);
    objects_done(&summary.objects);
}
