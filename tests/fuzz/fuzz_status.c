/* The status document of a profiler: what is taken from it is safe to print and to ask for. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "capture/capture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_printable(const char *text) {
    for (; *text; text++)
        if (*text <= ' ' || *text > '~')
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct capture_status status;
    char why[CAPTURE_WHY_BYTES] = "";
    if (capture_status_parse((const char *)data, size, &status, why)) {
        if (!*why)
            abort();
        return 0;
    }
    check_printable(status.rolling_trace_min_age);
    check_printable(status.rolling_trace_path);
    if (status.rolling_trace && status.rolling_trace_path[0] != '/')
        abort();
    /* What was written reads back as the same. */
    struct capture_status again;
    if (capture_status_parse(status.json, strlen(status.json), &again, why) || strcmp(status.json, again.json) != 0)
        abort();
    capture_status_done(&again);
    capture_status_done(&status);
    return 0;
}
