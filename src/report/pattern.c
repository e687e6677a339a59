#include "report/pattern.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/clock.h"

struct pattern {
    pcre2_code *code;
    pcre2_match_data *data;
    pcre2_match_context *limits;
    uint64_t spent_ns;
    uint64_t overruns;
};

/* As Go reads an expression: `$` is the very end, only LF ends a line, text is UTF-8 (and never trusted to be). */
#define PATTERN_OPTIONS (PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C)

static int compile(struct pattern *pattern, const char *expression, char *why, size_t why_size) {
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    if (!context)
        return -ENOMEM;
    pcre2_set_max_pattern_length(context, PATTERN_LENGTH_MAX);
    pcre2_set_newline(context, PCRE2_NEWLINE_LF);
    int error;
    PCRE2_SIZE offset;
    pattern->code =
        pcre2_compile((PCRE2_SPTR)expression, PCRE2_ZERO_TERMINATED, PATTERN_OPTIONS, &error, &offset, context);
    pcre2_compile_context_free(context);
    if (pattern->code)
        return 0;
    if (error == PCRE2_ERROR_NOMEMORY || error == PCRE2_ERROR_HEAP_FAILED)
        return -ENOMEM;
    if (why && why_size) {
        PCRE2_UCHAR message[128];
        if (pcre2_get_error_message(error, message, sizeof(message)) < 0)
            message[0] = '\0';
        snprintf(why, why_size, "\"%.200s\": %s at offset %zu", expression, (const char *)message, offset);
    }
    return -EINVAL;
}

static int set_limits(struct pattern *pattern) {
    pattern->data = pcre2_match_data_create(1, NULL);
    pattern->limits = pcre2_match_context_create(NULL);
    if (!pattern->data || !pattern->limits)
        return -ENOMEM;
    pcre2_set_match_limit(pattern->limits, PATTERN_STEPS_MAX);
    pcre2_set_depth_limit(pattern->limits, PATTERN_STEPS_MAX);
    pcre2_set_heap_limit(pattern->limits, PATTERN_HEAP_KIB_MAX);
    return 0;
}

int pattern_new(const char *expression, struct pattern **ret, char *why, size_t why_size) {
    struct pattern *pattern = calloc(1, sizeof(*pattern));
    if (!pattern)
        return -ENOMEM;
    int error = compile(pattern, expression, why, why_size);
    if (!error)
        error = set_limits(pattern);
    if (error) {
        pattern_free(pattern);
        return error;
    }
    *ret = pattern;
    return 0;
}

void pattern_free(struct pattern *pattern) {
    if (!pattern)
        return;
    pcre2_match_context_free(pattern->limits);
    pcre2_match_data_free(pattern->data);
    pcre2_code_free(pattern->code);
    free(pattern);
}

bool pattern_matches(struct pattern *pattern, const char *text, size_t size) {
    if (pattern->spent_ns > PATTERN_BUDGET_NS) {
        pattern->overruns++;
        return false;
    }
    uint64_t start_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
    int matched = pcre2_match(pattern->code, (PCRE2_SPTR)text, size, 0, 0, pattern->data, pattern->limits);
    uint64_t taken_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID) - start_ns;
    pattern->spent_ns += taken_ns > PATTERN_FREE_NS ? taken_ns - PATTERN_FREE_NS : 0;
    /* 0 is a match too: one with more groups than we keep. */
    if (matched < 0 && matched != PCRE2_ERROR_NOMATCH)
        pattern->overruns++;
    return matched >= 0;
}

uint64_t pattern_overruns(const struct pattern *pattern) {
    return pattern->overruns;
}
