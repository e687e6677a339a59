/* check_trace FILE...: read traces in Go's format by our own, stricter reader, also without each number of leading
 * generations. With -l, print the events instead. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "../../unit/trace/go_check.h"
#include "base/file.h"

static int check(const char *path, bool lists) {
    struct buffer file = BUFFER_INIT(0), listing = BUFFER_INIT(0);
    if (file_read(path, &file)) {
        fprintf(stderr, "%s: cannot be read\n", path);
        return 1;
    }
    const char *why = go_check(file.data, file.size, 0, lists ? &listing : NULL);
    unsigned skip = 0, generations = why ? 0 : go_check_generations(file.data, file.size);
    while (!why && ++skip < generations)
        why = go_check(file.data, file.size, skip, NULL);
    if (lists && listing.data)
        fputs(listing.data, stdout);
    if (why)
        fprintf(stderr, "%s, without %u generations: %s\n", path, skip, why);
    buffer_done(&file);
    buffer_done(&listing);
    return why != NULL;
}

int main(int argc, char **argv) {
    bool lists = argc > 1 && strcmp(argv[1], "-l") == 0;
    int bad = argc < 2;
    for (int i = lists ? 2 : 1; i < argc; i++)
        bad |= check(argv[i], lists);
    return bad;
}
