/* piko run: a program, unchanged, with the endpoints. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "cli/command.h"
#include "cli/help.h"
#include "cli/options.h"
#include "cli/quantity.h"
#include "segment/segment.h"
#include "supervise/supervise.h"

/* As a shell's. */
enum { EXIT_CANNOT_RUN = 126, EXIT_NOT_FOUND = 127 };

struct run_settings {
    unsigned port, block_rate_ns, mutex_fraction, mem_profile_rate_bytes, cpu_rate_hz;
    const char *bind, *unix_path, *allow_hosts, *token_file, *output_folder, *rolling_min_age, *rolling_max_bytes;
    bool generator, no_children, rolling_trace, help;
    uint64_t trace_min_age_ns, trace_max_bytes; /* of the two texts */
};

static const struct run_settings defaults = {.port = 6060,
                                             .block_rate_ns = 1000,
                                             .mutex_fraction = 10,
                                             .mem_profile_rate_bytes = 512 << 10,
                                             .cpu_rate_hz = 100,
                                             .bind = "localhost",
                                             .output_folder = "profiles",
                                             .rolling_min_age = "15s",
                                             .rolling_max_bytes = "16MiB"};

/* Programs that live for a moment: all of it is recorded, as densely as the kernel's tick allows. */
static const struct run_settings generator_defaults = {.port = 6060,
                                                       .block_rate_ns = 1,
                                                       .mutex_fraction = 1,
                                                       .mem_profile_rate_bytes = 4096,
                                                       .cpu_rate_hz = 1000,
                                                       .bind = "localhost",
                                                       .output_folder = "profiles",
                                                       .rolling_trace = true,
                                                       .rolling_min_age = "24h",
                                                       .rolling_max_bytes = "64MiB"};

#define OPTIONS(settings)                                                                                              \
    {"port", "PORT", "Port of the endpoints; 0 = any free one", OPTION_NUMBER, &(settings)->port, 0, 65535},           \
        {"bind", "ADDR", "Address that they are served on", OPTION_TEXT, &(settings)->bind, 0, 0},                     \
        {"unix",                                                                                                       \
         "PATH",                                                                                                       \
         "Serve them on a unix socket instead; piko profile asks there by --pprof-unix",                               \
         OPTION_TEXT,                                                                                                  \
         &(settings)->unix_path,                                                                                       \
         0,                                                                                                            \
         0},                                                                                                           \
        {"allow-host",                                                                                                 \
         "NAMES",                                                                                                      \
         "Names by which clients may ask for them, besides localhost and ADDR; with commas between",                   \
         OPTION_TEXT,                                                                                                  \
         &(settings)->allow_hosts,                                                                                     \
         0,                                                                                                            \
         0},                                                                                                           \
        {"token-file",                                                                                                 \
         "FILE",                                                                                                       \
         "Answer only who sends what this file holds as bearer token",                                                 \
         OPTION_TEXT,                                                                                                  \
         &(settings)->token_file,                                                                                      \
         0,                                                                                                            \
         0},                                                                                                           \
        {"block-rate",                                                                                                 \
         "NS",                                                                                                         \
         "Block profile: waits of NS and longer all count, shorter ones in proportion; 0 = off",                       \
         OPTION_NUMBER,                                                                                                \
         &(settings)->block_rate_ns,                                                                                   \
         0,                                                                                                            \
         INT_MAX},                                                                                                     \
        {"mutex-fraction",                                                                                             \
         "N",                                                                                                          \
         "Mutex profile: one in N contended unlocks; 0 = off",                                                         \
         OPTION_NUMBER,                                                                                                \
         &(settings)->mutex_fraction,                                                                                  \
         0,                                                                                                            \
         INT_MAX},                                                                                                     \
        {"mem-profile-rate",                                                                                           \
         "BYTES",                                                                                                      \
         "Heap profile: one sample a BYTES allocated; 0 = off",                                                        \
         OPTION_NUMBER,                                                                                                \
         &(settings)->mem_profile_rate_bytes,                                                                          \
         0,                                                                                                            \
         INT_MAX},                                                                                                     \
        {"cpu-rate",                                                                                                   \
         "HZ",                                                                                                         \
         "CPU profile: samples a second of CPU time, for captures that ask for no rate",                               \
         OPTION_NUMBER,                                                                                                \
         &(settings)->cpu_rate_hz,                                                                                     \
         1,                                                                                                            \
         1000},                                                                                                        \
        {"generator",                                                                                                  \
         NULL,                                                                                                         \
         "No endpoints: write the profiles of each process, from start to end, to --output-dir",                       \
         OPTION_SWITCH,                                                                                                \
         &(settings)->generator,                                                                                       \
         0,                                                                                                            \
         0},                                                                                                           \
        {"no-children", NULL, "Look at the first process alone", OPTION_SWITCH, &(settings)->no_children, 0, 0},       \
        {"output-dir",                                                                                                 \
         "DIR",                                                                                                        \
         "Where the last state of processes that die of a signal is written, and what --generator writes",             \
         OPTION_TEXT,                                                                                                  \
         &(settings)->output_folder,                                                                                   \
         0,                                                                                                            \
         0},                                                                                                           \
        {"rolling-trace",                                                                                              \
         NULL,                                                                                                         \
         "Keep a trace of the recent past of each process",                                                            \
         OPTION_SWITCH,                                                                                                \
         &(settings)->rolling_trace,                                                                                   \
         0,                                                                                                            \
         0},                                                                                                           \
        {"rolling-trace-min-age",                                                                                      \
         "TIME",                                                                                                       \
         "How far back it is to reach",                                                                                \
         OPTION_TEXT,                                                                                                  \
         &(settings)->rolling_min_age,                                                                                 \
         0,                                                                                                            \
         0},                                                                                                           \
        {"rolling-trace-max-bytes",                                                                                    \
         "SIZE",                                                                                                       \
         "Memory that it may take in each, which wins",                                                                \
         OPTION_TEXT,                                                                                                  \
         &(settings)->rolling_max_bytes,                                                                               \
         0,                                                                                                            \
         0},                                                                                                           \
        {"help", NULL, "Show this", OPTION_SWITCH, &(settings)->help, 0, 0},

static int help(void) {
    struct run_settings settings = defaults;
    const struct option options[] = {OPTIONS(&settings)};
    return help_print(help_run, options, sizeof options / sizeof *options);
}

static int wrong(const char *why) {
    fprintf(stderr, "piko run: %s\nTry: piko run --help\n", why);
    return EXIT_USAGE;
}

static void say(void *data, const char *line) {
    (void)data;
    fprintf(stderr, "piko: %s\n", line);
}

static int run(const struct run_settings *settings, char *const *argv) {
    const struct supervise_options options = {
        .argv = argv,
        .bind_address = settings->bind,
        .port = (uint16_t)settings->port,
        .unix_path = settings->unix_path,
        .allow_hosts = settings->allow_hosts,
        .token_file = settings->token_file,
        .mem_profile_rate_bytes = settings->mem_profile_rate_bytes,
        .block_rate_ns = settings->block_rate_ns,
        .mutex_fraction = settings->mutex_fraction,
        .cpu_rate_hz = settings->cpu_rate_hz,
        .trace_min_age_ns = settings->rolling_trace ? settings->trace_min_age_ns : 0,
        .trace_bytes_max = settings->rolling_trace ? settings->trace_max_bytes : 0,
        .generator = settings->generator,
        .first_only = settings->no_children,
        .output_folder = settings->output_folder,
        .say = say};
    char why[SUPERVISE_WHY_BYTES];
    int status, error = supervise_run(&options, &status, why);
    if (error) {
        fprintf(stderr, "piko run: %s\n", why);
        return error == -ENOENT                        ? EXIT_NOT_FOUND
               : error == -EACCES || error == -ENOEXEC ? EXIT_CANNOT_RUN
                                                       : EXIT_NOTHING;
    }
    return WIFSIGNALED(status) ? EXIT_SIGNAL + WTERMSIG(status) : WEXITSTATUS(status);
}

/* A wrong value is wrong also where the switch is not set. */
static bool parse_rolling_trace(struct run_settings *settings) {
    char why[160];
    if (quantity_parse_time(settings->rolling_min_age, &settings->trace_min_age_ns)) {
        snprintf(why, sizeof why, "--rolling-trace-min-age must be a time such as 15s, 500ms or 1m30s, not \"%.60s\"",
                 settings->rolling_min_age);
    } else if (quantity_parse_bytes(settings->rolling_max_bytes, &settings->trace_max_bytes) ||
               settings->trace_max_bytes < SEGMENT_TRACE_BYTES_MIN ||
               settings->trace_max_bytes > SEGMENT_TRACE_BYTES_MAX) {
        snprintf(why, sizeof why,
                 "--rolling-trace-max-bytes must be a size such as 16MiB, from 256KiB to 512MiB, not \"%.60s\"",
                 settings->rolling_max_bytes);
    } else {
        return true;
    }
    wrong(why);
    return false;
}

/* The command begins behind the first "--": its own flags are none of ours. */
static int find_command(int argc, char *const *argv) {
    int at = 0;
    while (at < argc && strcmp(argv[at], "--") != 0)
        at++;
    return at;
}

/* Into settings that hold the defaults. Answers how many words there were that are no flags. */
static int parse(int argc, char *const *argv, struct run_settings *settings, size_t *ret_words,
                 char why[OPTIONS_WHY_BYTES]) {
    const struct option options[] = {OPTIONS(settings)};
    struct option_list words = {0};
    int error = options_parse(options, sizeof options / sizeof *options, argc, argv, &words, why);
    *ret_words = words.n;
    free(words.items);
    return error;
}

static bool asks_for_endpoints(const struct run_settings *settings) {
    return settings->port != defaults.port || settings->unix_path || strcmp(settings->bind, defaults.bind) != 0;
}

int run_command(int argc, char *const *argv) {
    struct run_settings settings = defaults;
    char why[OPTIONS_WHY_BYTES];
    int dashes = find_command(argc, argv);
    size_t n_words;
    int error = parse(dashes, argv, &settings, &n_words, why);
    if (settings.generator && !error) {
        settings = generator_defaults;
        error = parse(dashes, argv, &settings, &n_words, why);
    }
    if (settings.help)
        return help();
    if (n_words)
        return wrong("write -- before the command: piko run [flags] -- COMMAND [ARGUMENT ...]");
    if (error)
        return wrong(error == -ENOMEM ? "out of memory" : why);
    if (settings.generator && asks_for_endpoints(&settings))
        return wrong("--generator serves no endpoints: leave out --port, --bind and --unix");
    if (dashes + 1 >= argc)
        return wrong("no command: piko run [flags] -- COMMAND [ARGUMENT ...]");
    if (!parse_rolling_trace(&settings))
        return EXIT_USAGE;
    return run(&settings, argv + dashes + 1);
}
