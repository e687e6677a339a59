/* The status document: what the profiler of a program can do. It comes over the network, so nothing in it is trusted. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "capture/capture.h"

static void cleanup_json(json_t **json) {
    json_decref(*json);
}

static int wrong(char *why, const char *what) {
    snprintf(why, CAPTURE_WHY_BYTES, "%s", what);
    return -EBADMSG;
}

/* A member that is a string of printable ASCII, or "" when there is none. -EBADMSG when it does not fit. */
static int get_text(const json_t *object, const char *key, char *ret, size_t size) {
    const char *text = json_string_value(json_object_get(object, key));
    if (!text)
        text = "";
    size_t length = strlen(text);
    if (length >= size)
        return -EBADMSG;
    for (size_t i = 0; i < length; i++)
        if (text[i] <= ' ' || text[i] > '~')
            return -EBADMSG;
    memcpy(ret, text, length + 1);
    return 0;
}

static int get_rolling_trace(const json_t *rolling, struct capture_status *ret, char *why) {
    if (!rolling)
        return 0;
    if (!json_is_object(rolling))
        return wrong(why, "rolling_trace is no object");
    ret->rolling_trace = json_is_true(json_object_get(rolling, "enabled"));
    json_int_t bytes = json_integer_value(json_object_get(rolling, "max_bytes"));
    ret->rolling_trace_max_bytes = bytes > 0 ? (uint64_t)bytes : 0;
    if (get_text(rolling, "min_age", ret->rolling_trace_min_age, sizeof ret->rolling_trace_min_age))
        return wrong(why, "rolling_trace.min_age is no duration");
    if (get_text(rolling, "download_path", ret->rolling_trace_path, sizeof ret->rolling_trace_path))
        return wrong(why, "rolling_trace.download_path is no path");
    if (ret->rolling_trace && ret->rolling_trace_path[0] != '/')
        return wrong(why, "rolling_trace.download_path is no path");
    return 0;
}

int capture_status_parse(const char *text, size_t size, struct capture_status *ret, char why[CAPTURE_WHY_BYTES]) {
    json_error_t error;
    _cleanup_(cleanup_json) json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
    if (!root)
        return json_error_code(&error) == json_error_out_of_memory ? -ENOMEM
                                                                   : wrong(why, "the status is no valid JSON");
    if (!json_is_object(root))
        return wrong(why, "the status is no JSON object");
    struct capture_status status = {0};
    if (get_rolling_trace(json_object_get(root, "rolling_trace"), &status, why))
        return -EBADMSG;
    json_int_t threads = json_integer_value(json_object_get(root, "threads"));
    status.threads = threads > 0 ? (uint64_t)threads : 0;
    /* 15 digits give a decimal fraction back as it was written; jansson's 17 turn 0.3 into 0.29999999999999999. */
    status.json = json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
    if (!status.json)
        return -ENOMEM;
    *ret = status;
    return 0;
}

void capture_status_done(struct capture_status *status) {
    if (!status)
        return;
    free(status->json);
    status->json = NULL;
}
