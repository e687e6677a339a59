/* The flags of a command: one table that says what may be given, parses it, and prints its own help.
 * Flags stand anywhere on the line, as --flag value, --flag=value, or with Go's single dash; "--" ends them. */
#ifndef PIKO_CLI_OPTIONS_H
#define PIKO_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

#define OPTIONS_WHY_BYTES 512u

enum option_kind {
    OPTION_SWITCH, /* target: bool; takes a value only as --flag=true, --flag=false */
    OPTION_NUMBER, /* target: unsigned, from least to most */
    OPTION_TEXT,   /* target: const char *; may not be empty */
    OPTION_LIST,   /* target: struct option_list; may be given again */
};

struct option {
    const char *name;        /* without dashes */
    const char *placeholder; /* what help calls the value: "PORT"; NULL for a switch */
    const char *help;        /* one line; the default is added from the target's value before parsing */
    enum option_kind kind;
    void *target;
    unsigned least, most; /* of a number */
};

/* Pointers into argv. items: room for all that the line can hold, freed by the list's owner. */
struct option_list {
    const char **items;
    size_t n;
};

/* Parse argv[0 … argc-1] (the command's name is not among them). What is no flag goes to `arguments`; -h is --help.
 * 0, -ENOMEM, or -EINVAL with a sentence that names the flag in `why`; targets may then be half filled.
 * arguments->items and each list's are allocated when needed. */
int options_parse(const struct option *options, size_t n_options, int argc, char *const *argv,
                  struct option_list *arguments, char why[OPTIONS_WHY_BYTES]);

/* Append one line a flag: "  --top N        Rows of a table; 0 = all (default 60)". 0 or the buffer's error. */
int options_help(const struct option *options, size_t n_options, struct buffer *ret);

#endif
