#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/suggest.h"

static const struct command commands[] = {
    {"diff", "Compare two runs, or two profiles: what changed, and what is noise", diff_command},
    {"profile", "Load a running application and capture its profiles", profile_command},
    {"report", "Tables of saved profiles: of a run, or of any pprof files", report_command},
    {"run", "Run a program, unchanged, with profiling endpoints", run_command},
};
#define N_COMMANDS (sizeof commands / sizeof commands[0])

static const struct command *find(const char *name) {
    for (size_t i = 0; i < N_COMMANDS; i++)
        if (!strcmp(commands[i].name, name))
            return &commands[i];
    return NULL;
}

static void print_usage(FILE *file) {
    fputs("Piko profiles native programs.\n\nUsage: piko COMMAND [flags] ...\n\nCommands:\n", file);
    for (size_t i = 0; i < N_COMMANDS; i++)
        fprintf(file, "  %-10s %s\n", commands[i].name, commands[i].summary);
    fprintf(file, "  %-10s %s\n", "help", "Show this, or the help of a command: piko help COMMAND");
    fputs("\nFlags:\n  --help     Show this\n  --version  Show the version\n", file);
}

static int unknown(const char *name) {
    const char *best = suggest_closer(name, strlen(name), "help", NULL);
    for (size_t i = 0; i < N_COMMANDS; i++)
        best = suggest_closer(name, strlen(name), commands[i].name, best);
    const char *kind = name[0] == '-' ? "flag" : "command";
    if (best)
        fprintf(stderr, "piko: unknown %s %s; did you mean piko %s?\n", kind, name, best);
    else
        fprintf(stderr, "piko: unknown %s %s\n", kind, name);
    fputs("Try: piko help\n", stderr);
    return EXIT_USAGE;
}

static int help(int argc, char *const *argv) {
    if (argc == 0 || !strcmp(argv[0], "help")) {
        print_usage(stdout);
        return EXIT_DONE;
    }
    const struct command *command = find(argv[0]);
    char flag[] = "--help";
    return command ? command->run(1, (char *const[]){flag}) : unknown(argv[0]);
}

/* Go's single dash is taken everywhere. */
static int is_flag(const char *word, const char *name) {
    return word[0] == '-' && !strcmp(word + (word[1] == '-' ? 2 : 1), name);
}

int main(int argc, char **argv) {
    setlocale(LC_CTYPE, ""); /* whether bars may be drawn; numbers stay as they are everywhere */
    signal(SIGPIPE, SIG_IGN);
    if (argc < 2) {
        print_usage(stderr);
        return EXIT_USAGE;
    }
    const char *name = argv[1];
    if (!strcmp(name, "help") || is_flag(name, "help") || is_flag(name, "h"))
        return help(argc - 2, argv + 2);
    if (is_flag(name, "version")) {
        puts("piko " PIKO_VERSION);
        return EXIT_DONE;
    }
    const struct command *command = find(name);
    return command ? command->run(argc - 2, argv + 2) : unknown(name);
}
