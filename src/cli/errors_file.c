#include "cli/errors_file.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "report/json_writer.h"

#define LAST_LINE_BYTES 128u /* kept free for it */

static void format_time(uint64_t ns, char ret[40]) {
    struct tm utc;
    time_t seconds = (time_t)(ns / NS_PER_S);
    gmtime_r(&seconds, &utc);
    size_t n = strftime(ret, 40, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(ret + n, 40 - n, ".%09uZ", (unsigned)(ns % NS_PER_S));
}

static void write_line(const char *phase, const struct load_error *error, struct buffer *ret) {
    struct json_writer json = {.out = ret};
    char when[40];
    format_time(error->time_ns, when);
    json_write_open(&json, NULL, '{');
    json_write_string(&json, "time", when);
    json_write_string(&json, "phase", phase);
    json_write_string(&json, "kind", load_failure_name(error->failure));
    if (error->status)
        json_write_integer(&json, "status_code", error->status);
    else
        json_write_string(&json, "error", error->text);
    json_write_close(&json, '{');
    buffer_add_string(ret, "\n");
}

void errors_file_add(struct errors_file *file, const char *phase, const struct load_error *errors, size_t n) {
    _cleanup_buffer_ struct buffer line = BUFFER_INIT(0);
    for (size_t i = 0; i < n; i++) {
        line.size = 0;
        write_line(phase, &errors[i], &line);
        if (line.error || file->text.size + line.size + LAST_LINE_BYTES > file->text.most)
            return;
        file->listed += !buffer_add(&file->text, line.data, line.size);
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
