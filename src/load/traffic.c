#include "load/traffic.h"

#include <stdarg.h>
#include <stdio.h>

void traffic_fail(struct traffic *traffic, enum load_failure failure, unsigned status, const char *format, ...) {
    struct load_error error = {.failure = failure, .status = status};
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error.text, sizeof error.text, format, arguments);
    va_end(arguments);
    failures_count(&traffic->stats, traffic->log, &error, traffic->now_ns);
}
