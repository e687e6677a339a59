#include "cli/errors_file.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

#define LAST_LINE_BYTES 128u /* kept free for it */

static void format_time(uint64_t ns, char ret[40]) {
    struct tm utc;
    time_t seconds = (time_t)(ns / NS_PER_S);
    gmtime_r(&seconds, &utc);
    size_t n = strftime(ret, 40, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(ret + n, 40 - n, ".%09uZ", (unsigned)(ns % NS_PER_S));
}

/* A line without its end, from malloc(); NULL when memory ran out. */
static char *format(const char *phase, const struct load_error *error) {
    char when[40];
    format_time(error->time_ns, when);
    json_t *object =
        json_pack("{s:s, s:s, s:s}", "time", when, "phase", phase, "kind", load_failure_name(error->failure));
    if (object && error->status)
        json_object_set_new(object, "status_code", json_integer(error->status));
    else if (object)
        json_object_set_new(object, "error", json_string(error->text));
    char *line = object ? json_dumps(object, JSON_COMPACT) : NULL;
    json_decref(object);
    return line;
}

void errors_file_add(struct errors_file *file, const char *phase, const struct load_error *errors, size_t n) {
    for (size_t i = 0; i < n; i++) {
        char *line = format(phase, &errors[i]);
        if (!line)
            return;
        bool fits = file->text.size + strlen(line) + 1 + LAST_LINE_BYTES <= file->text.most;
        if (fits)
            file->listed += !buffer_printf(&file->text, "%s\n", line);
        free(line);
        if (!fits)
            return;
    }
}

void errors_file_end(struct errors_file *file, uint64_t total) {
    if (total > file->listed)
        buffer_printf(&file->text, "{\"more\":%" PRIu64 ",\"note\":\"failed too, and are not listed\"}\n",
                      total - file->listed);
}

void errors_file_done(struct errors_file *file) {
    buffer_done(&file->text);
}
