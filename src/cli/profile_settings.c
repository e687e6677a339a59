#include "cli/profile_settings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "capture/capture.h"
#include "cli/expressions.h"
#include "cli/help.h"
#include "cli/profile_run.h"
#include "tui/terminal.h"

#define N_OPTIONS 28u
#define CONCURRENCY_MAX 65535u
#define DURATION_MAX_S 3600u /* what a profiler grants at most */
#define RATE_MAX 10000000u
#define THREADS_MAX 1024u
#define TIMEOUT_MAX_S 3600u
#define CPU_RATE_MAX_HZ 1000u
#define TOP_MAX 1000000u

static const struct profile_settings defaults = {.pprof_port = 6060,
                                                 .load = {.concurrency = 100, .timeout_s = 30},
                                                 .duration_s = DURATION_RECOMMENDED_S,
                                                 .phase_list = "cpu,allocs,heap,mutex,block",
                                                 .warmup = "0.5",
                                                 .top = 60,
                                                 .output = "pprof"};

static void make_options(struct profile_settings *s, struct option ret[N_OPTIONS]) {
    const struct option options[] = {
        {"pprof-port", "PORT", "Port of the profiler, on the application's host", OPTION_NUMBER, &s->pprof_port, 1,
         65535},
        {"pprof-url", "URL", "Whole address of the profiler, in place of --pprof-port", OPTION_TEXT, &s->pprof_url},
        {"pprof-unix", "PATH", "Socket of the profiler, in place of its host", OPTION_TEXT, &s->pprof_unix},
        {"pprof-token", "TOKEN", "Bearer token for the profiler; else that of PIKO_PPROF_TOKEN", OPTION_TEXT,
         &s->pprof_token},
        {"concurrency", "N", "Connections that load the application", OPTION_NUMBER, &s->load.concurrency, 1,
         CONCURRENCY_MAX},
        {"duration", "SECONDS", "Length of each phase", OPTION_NUMBER, &s->duration_s, 1, DURATION_MAX_S},
        {"rate", "N", "Requests a second, whatever the server does; 0 for as fast as it answers", OPTION_NUMBER,
         &s->load.rate, 0, RATE_MAX},
        {"phases", "LIST", "Phases after the baseline: cpu,allocs,heap,mutex,block or some of them", OPTION_TEXT,
         &s->phase_list},
        {"warmup", "SECONDS", "Load before each phase that does not count", OPTION_TEXT, &s->warmup},
        {"cpu-rate", "HZ", "CPU samples a second; 0 for the server's own rate, the only one that Go's has",
         OPTION_NUMBER, &s->cpu_rate_hz, 0, CPU_RATE_MAX_HZ},
        {"output", "FOLDER", "Where files go", OPTION_TEXT, &s->output},
        {"urls", "FILE", "More URLs of the same server, one a line; all are asked in turn", OPTION_TEXT,
         &s->load.urls_file},
        {"unix", "PATH", "Socket of the application, in place of the URL's host", OPTION_TEXT, &s->load.unix_path},
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
        {"http2", NULL, "HTTP/2, one request at a time on each connection", OPTION_SWITCH, &s->load.http2},
        {"insecure", NULL, "https: take any certificate", OPTION_SWITCH, &s->load.insecure},
        {"cacert", "FILE", "https: trust whom this file of certificates names", OPTION_TEXT, &s->load.ca_file},
        {"top", "N", "Rows of each table in the report, 0 for all", OPTION_NUMBER, &s->top, 0, TOP_MAX},
        {"focus", "REGEX", "Report only samples with a matching function", OPTION_TEXT, &s->focus_expression},
        {"tui", NULL, "Live dashboard on the terminal: ? for help, q to end early", OPTION_SWITCH, &s->tui},
        {"help", NULL, "Show this", OPTION_SWITCH, &s->help},
    };
    _Static_assert(sizeof options == N_OPTIONS * sizeof options[0], "N_OPTIONS counts the rows");
    memcpy(ret, options, sizeof options);
}

int profile_settings_help(void) {
    struct profile_settings settings = defaults;
    struct option options[N_OPTIONS];
    make_options(&settings, options);
    return help_print(help_profile, options, N_OPTIONS);
}

static int make_profiler_address(struct profile_settings *settings, char *why) {
    char reason[CAPTURE_WHY_BYTES] = "";
    int error = capture_base_beside(settings->load.urls[0], settings->pprof_port, &settings->profiler_base, reason);
    if (error)
        return error == -EINVAL ? settings_refuse(why, "URL", settings->load.urls[0], reason) : error;
    if (!settings->pprof_token)
        settings->pprof_token = getenv("PIKO_PPROF_TOKEN");
    if (settings->pprof_token && settings->pprof_token[strcspn(settings->pprof_token, "\r\n")]) {
        snprintf(why, OPTIONS_WHY_BYTES, "--pprof-token has a line break in it");
        return -EINVAL;
    }
    if (!settings->pprof_url)
        return 0;
    free(settings->profiler_base);
    settings->profiler_base = NULL;
    error = capture_split_url(settings->pprof_url, &settings->profiler_base, &settings->profiler_prefix, reason);
    if (!error && !*settings->profiler_prefix) { /* a server alone: it is looked for there */
        free(settings->profiler_prefix);
        settings->profiler_prefix = NULL;
    }
    return error == -EINVAL ? settings_refuse(why, "--pprof-url", settings->pprof_url, reason) : error;
}

static int make_phases(struct profile_settings *settings, char *why) {
    settings->phases = 1; /* the baseline always runs */
    for (const char *name = settings->phase_list; *name;) {
        size_t length = strcspn(name, ","), i = 0;
        while (i < N_PHASES && (strlen(phases[i].name) != length || memcmp(phases[i].name, name, length) != 0))
            i++;
        if (i == N_PHASES)
            return settings_refuse(why, "--phases", settings->phase_list,
                                   "a list of cpu, allocs, heap, mutex, block, with commas between, or baseline alone");
        settings->phases |= 1u << i;
        name += length + (name[length] == ',');
    }
    return 0;
}

static int make_warmup(struct profile_settings *settings, char *why) {
    char *end;
    double seconds = strtod(settings->warmup, &end);
    if (end == settings->warmup || *end || !(seconds >= 0 && seconds <= DURATION_MAX_S))
        return settings_refuse(why, "--warmup", settings->warmup, "seconds are expected, as in 2 or 0.5");
    settings->warmup_ns = (uint64_t)(seconds * (double)NS_PER_S);
    return 0;
}

static int check_terminal(char *why) {
    char reason[200];
    if (!tui_check(reason, sizeof reason))
        return 0;
    snprintf(why, OPTIONS_WHY_BYTES, "--tui: %s; without it progress is printed line by line", reason);
    return -EINVAL;
}

static int check(struct profile_settings *settings, const struct option_list *arguments, char *why) {
    int error = load_settings_make(&settings->load, arguments, why);
    if (!error && settings->tui)
        error = check_terminal(why);
    if (!error)
        error = make_profiler_address(settings, why);
    if (!error)
        error = expression_make("--focus", settings->focus_expression, &settings->focus, why);
    if (!error)
        error = make_phases(settings, why);
    if (!error)
        error = make_warmup(settings, why);
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
