#include "cli/help.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/command.h"

int help_print(const char *text, const struct option *options, size_t n_options) {
    static const char mark[] = "@FLAGS@\n";
    _cleanup_buffer_ struct buffer help = BUFFER_INIT(0);
    const char *flags = strstr(text, mark);
    if (!flags)
        return EXIT_NOTHING;
    buffer_add(&help, text, (size_t)(flags - text));
    options_help(options, n_options, &help);
    if (buffer_add_string(&help, flags + sizeof mark - 1))
        return EXIT_NOTHING;
    fputs(help.data, stdout);
    return EXIT_DONE;
}
