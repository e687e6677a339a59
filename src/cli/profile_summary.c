/* What a run leaves: the report, and where everything is. Only what is there is claimed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/profile_run.h"
#include "cli/stats_file.h"
#include "report/report.h"

static const char report_name[] = "live_performance_report.txt";

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

static int make_report(const struct profile_run *run, struct buffer *ret) {
    struct report_phase described[N_PHASES - 1];
    size_t n = 0;
    for (size_t i = 1; i < N_PHASES; i++)
        if (run->settings->phases & 1u << i)
            described[n++] = describe(&run->results[i], &phases[i]);
    const struct phase_result *baseline = &run->results[0];
    struct report_run report = {
        .url = run->settings->load.urls[0],
        .concurrency = run->settings->load.concurrency,
        .baseline = baseline->has_stats ? &baseline->stats : NULL,
        .phases = described,
        .n_phases = n,
        .warnings = (const char *const *)run->warnings,
        .n_warnings = run->n_warnings,
    };
    struct report_options options = {.top = run->settings->top, .filter = {.focus = run->settings->focus}};
    return report_write(&report, &options, ret);
}

/* A path as a shell takes it: quoted where it must be. */
static void add_quoted(struct buffer *ret, const char *path) {
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-+:@%,";
    if (path[strspn(path, plain)] == '\0') {
        buffer_add_string(ret, path);
        return;
    }
    buffer_add_string(ret, "'");
    for (const char *c = path; *c; c++)
        buffer_printf(ret, *c == '\'' ? "'\\''" : "%c", *c);
    buffer_add_string(ret, "'");
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
    list_file(run, report_name, "this report", ret);
    for (size_t i = 1; i < N_PHASES; i++) {
        snprintf(name, sizeof name, "%s.pprof", phases[i].name);
        list_file(run, name, phases[i].what, ret);
    }
    if (has_any(run, ".stats"))
        buffer_printf(ret, "  %-28s %s\n", "*.stats", "load figures of each phase");
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
    add_quoted(ret, path.data ? path.data : name);
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

void summary_print(struct profile_run *run) {
    _cleanup_buffer_ struct buffer report = BUFFER_INIT(0), ending = BUFFER_INIT(0);
    int error = make_report(run, &report);
    if (error) {
        progress_complain(&run->progress, "piko profile: the report could not be made: %s", strerror(-error));
        run->extras_failed = true;
    } else if (!run_write(run, report_name, report.data ? report.data : "", report.size)) {
        run->extras_failed = true;
    }
    list_files(run, &ending);
    list_commands(run, &ending);
    progress_print(&run->progress, "\n%s\n%s", error || !report.data ? "" : report.data,
                   ending.data ? ending.data : "");
}
