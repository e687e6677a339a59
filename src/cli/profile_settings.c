#include "cli/profile_settings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "capture/capture.h"

#define N_OPTIONS 22u
#define CONCURRENCY_MAX 65535u
#define DURATION_MAX_S 3600u /* what a profiler grants at most */
#define THREADS_MAX 1024u
#define TIMEOUT_MAX_S 3600u
#define CPU_RATE_MAX_HZ 1000u
#define TOP_MAX 1000000u

static const char default_prefix[] = "/_piko/debug/pprof";

static const struct profile_settings defaults = {.pprof_port = 6060,
                                                 .load = {.concurrency = 100, .timeout_s = 30},
                                                 .duration_s = DURATION_RECOMMENDED_S,
                                                 .top = 60,
                                                 .output = "pprof"};

static void make_options(struct profile_settings *s, struct option ret[N_OPTIONS]) {
    const struct option options[] = {
        {"pprof-port", "PORT", "Port of the profiler, on the application's host", OPTION_NUMBER, &s->pprof_port, 1,
         65535},
        {"pprof-url", "URL", "Whole address of the profiler, in place of --pprof-port", OPTION_TEXT, &s->pprof_url},
        {"concurrency", "N", "Connections that load the application", OPTION_NUMBER, &s->load.concurrency, 1,
         CONCURRENCY_MAX},
        {"duration", "SECONDS", "Length of each of the six phases", OPTION_NUMBER, &s->duration_s, 1, DURATION_MAX_S},
        {"cpu-rate", "HZ", "CPU samples a second; 0 for the server's own rate, the only one that Go's has",
         OPTION_NUMBER, &s->cpu_rate_hz, 0, CPU_RATE_MAX_HZ},
        {"output", "FOLDER", "Where files go", OPTION_TEXT, &s->output},
        {"urls", "FILE", "More URLs of the same server, one a line; all are asked in turn", OPTION_TEXT,
         &s->load.urls_file},
        {"unix", "PATH", "Socket to connect to, in place of the URL's host", OPTION_TEXT, &s->load.unix_path},
        {"method", "METHOD", "Method of each request; else GET, or POST with a body", OPTION_TEXT, &s->load.method},
        {"body", "TEXT", "Body of each request", OPTION_TEXT, &s->load.body},
        {"body-file", "FILE", "The same, from a file", OPTION_TEXT, &s->load.body_file},
        {"header", "HEADER", "Header of each request, \"Name: value\"", OPTION_LIST, &s->load.header_flags},
        {"cookie", "COOKIE", "Cookie of each request, \"name=value\"", OPTION_TEXT, &s->load.cookie},
        {"follow", NULL, "Follow redirects; without, they are answers", OPTION_SWITCH, &s->load.follow},
        {"timeout", "SECONDS", "Time that a request gets, connecting included", OPTION_NUMBER, &s->load.timeout_s, 1,
         TIMEOUT_MAX_S},
        {"threads", "N", "Threads of the load generator, 0 for by cores", OPTION_NUMBER, &s->load.threads, 0,
         THREADS_MAX},
        {"insecure", NULL, "https: take any certificate", OPTION_SWITCH, &s->load.insecure},
        {"cacert", "FILE", "https: trust whom this file of certificates names", OPTION_TEXT, &s->load.ca_file},
        {"top", "N", "Rows of each table in the report, 0 for all", OPTION_NUMBER, &s->top, 0, TOP_MAX},
        {"focus", "REGEX", "Report only samples with a matching function", OPTION_TEXT, &s->focus_expression},
        {"tui", NULL, "Live dashboard (not in this version)", OPTION_SWITCH, &s->tui},
        {"help", NULL, "Show this", OPTION_SWITCH, &s->help},
    };
    _Static_assert(sizeof options == N_OPTIONS * sizeof options[0], "N_OPTIONS counts the rows");
    memcpy(ret, options, sizeof options);
}

int profile_settings_help(struct buffer *ret) {
    struct profile_settings settings = defaults;
    struct option options[N_OPTIONS];
    make_options(&settings, options);
    buffer_add_string(
        ret, "Load a running application and capture its profiles.\n"
             "\n"
             "Usage: piko profile [flags] URL ...\n"
             "\n"
             "Six phases, each under load on URL: baseline, cpu, allocs, heap, mutex, block. The program must\n"
             "be running with profiling on. Files and a report go to the output folder.\n"
             "\n"
             "Flags, in any place on the line, as --flag value or --flag=value:\n");
    options_help(options, N_OPTIONS, ret);
    return buffer_add_string(
        ret, "\n"
             "Examples:\n"
             "  piko profile http://localhost:8080/\n"
             "  piko profile http://localhost:8080/ --concurrency 200 --duration 60\n"
             "  piko profile http://localhost:8080/me --header \"Authorization: Bearer token\"\n"
             "  piko profile http://localhost:8080/order --body-file order.json --header \"Content-Type: "
             "application/json\"\n"
             "  piko profile https://localhost:8443/ --cacert test.pem --urls pages.txt\n"
             "  piko profile http://localhost:8080/ --focus render --top 20\n"
             "\n"
             "Exit status: 0 all done, 1 nothing usable, 2 wrong usage, 3 partial (a phase failed),\n"
             "130 interrupted (Ctrl-C), 143 terminated, 129 hung up: finished phases are kept and reported.\n");
}

static int make_profiler_address(struct profile_settings *settings, char *why) {
    char reason[CAPTURE_WHY_BYTES] = "";
    int error = capture_base_beside(settings->load.urls[0], settings->pprof_port, &settings->profiler_base, reason);
    if (error)
        return error == -EINVAL ? settings_refuse(why, "URL", settings->load.urls[0], reason) : error;
    if (!settings->pprof_url) {
        settings->profiler_prefix = strdup(default_prefix);
        return settings->profiler_prefix ? 0 : -ENOMEM;
    }
    free(settings->profiler_base);
    settings->profiler_base = NULL;
    error = capture_split_url(settings->pprof_url, &settings->profiler_base, &settings->profiler_prefix, reason);
    return error == -EINVAL ? settings_refuse(why, "--pprof-url", settings->pprof_url, reason) : error;
}

static int make_focus(struct profile_settings *settings, char *why) {
    if (!settings->focus_expression)
        return 0;
    char reason[300] = "";
    int error = focus_new(settings->focus_expression, &settings->focus, reason, sizeof reason);
    if (error == -EINVAL)
        snprintf(why, OPTIONS_WHY_BYTES, "--focus %s", reason);
    return error;
}

static int check(struct profile_settings *settings, const struct option_list *arguments, char *why) {
    int error = load_settings_make(&settings->load, arguments, why);
    if (!error && settings->tui) {
        snprintf(why, OPTIONS_WHY_BYTES,
                 "--tui: the dashboard is not in this version; live progress is shown on a terminal without it");
        error = -EINVAL;
    }
    if (!error)
        error = make_profiler_address(settings, why);
    if (!error)
        error = make_focus(settings, why);
    return error;
}

int profile_settings_parse(int argc, char *const *argv, struct profile_settings *ret, char why[OPTIONS_WHY_BYTES]) {
    *ret = defaults;
    struct option options[N_OPTIONS];
    make_options(ret, options);
    struct option_list arguments = {0};
    int error = options_parse(options, N_OPTIONS, argc, argv, &arguments, why);
    if (!error && !ret->help)
        error = check(ret, &arguments, why);
    free(arguments.items);
    return error;
}

void profile_settings_done(struct profile_settings *settings) {
    if (!settings)
        return;
    load_settings_done(&settings->load);
    focus_free(settings->focus);
    free(settings->profiler_base);
    free(settings->profiler_prefix);
    *settings = (struct profile_settings){0};
}
