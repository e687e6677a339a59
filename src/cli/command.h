/* The commands of `piko`, and how they end. */
#ifndef PIKO_CLI_COMMAND_H
#define PIKO_CLI_COMMAND_H

enum exit_status {
    EXIT_DONE = 0,
    EXIT_NOTHING = 1, /* nothing usable came of it */
    EXIT_USAGE = 2,
    EXIT_PARTIAL = 3, /* something of it failed */
    EXIT_SIGNAL = 128 /* and the signal's number */
};

struct command {
    const char *name;
    const char *summary; /* one line */
    /* Runs with the words after the command's name; returns the exit status. */
    int (*run)(int argc, char *const *argv);
};

int diff_command(int argc, char *const *argv);
int profile_command(int argc, char *const *argv);
int report_command(int argc, char *const *argv);
int run_command(int argc, char *const *argv);

#endif
