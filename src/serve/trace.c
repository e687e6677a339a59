#include "serve/trace.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "serve/number.h"
#include "serve/pprof.h"
#include "serve/stream.h"
#include "serve/submit.h"

#define NS_MAX ((uint64_t)PPROF_SECONDS_MAX * NS_PER_S)

static uint32_t n_taken; /* A: traces that are taken now */

/* A trace while it is taken: a job of its own, since the request is answered as soon as it has begun. */
struct taking {
    struct job job;
    struct tree_trace *trace;
    struct stream *stream;
    uint64_t end_ns;
};

static struct taking *taking_of(struct job *job) {
    return (struct taking *)(void *)((char *)job - offsetof(struct taking, job));
}

/* The clock runs a job before its time when the server stops: the trace ends there. */
static bool run_taking(struct job *job) {
    struct taking *taking = taking_of(job);
    uint64_t now_ns = clock_monotonic_ns();
    struct buffer content = BUFFER_INIT(0);
    bool last = now_ns >= taking->end_ns || now_ns < job->due_ns;
    int error = last ? tree_trace_end(taking->trace, &content) : tree_trace_read(taking->trace, &content);
    bool wanted = stream_add(taking->stream, &content);
    buffer_done(&content);
    if (!last && (error || !wanted)) {
        tree_trace_end(taking->trace, /* ret= */ NULL);
        last = true;
    }
    if (last) {
        stream_end(taking->stream, !error);
        return false;
    }
    job->due_ns = now_ns + TREE_TRACE_TURN_NS < taking->end_ns ? now_ns + TREE_TRACE_TURN_NS : taking->end_ns;
    return true;
}

static void taking_done(struct job *job) {
    struct taking *taking = taking_of(job);
    stream_drop(taking->stream);
    free(taking);
    __atomic_fetch_sub(&n_taken, 1, __ATOMIC_RELAXED);
}

/* On a worker. From here on the request has nothing to do with the trace but to send its stream. */
static int take(struct request *request) {
    struct taking *taking = calloc(1, sizeof(*taking));
    struct stream *stream = taking ? stream_new(request->connection) : NULL;
    int error = stream ? tree_trace_begin(request->tree, request->pid, request->format, &taking->trace) : -ENOMEM;
    if (error) {
        stream_drop(stream);
        stream_drop(stream);
        free(taking);
        __atomic_fetch_sub(&n_taken, 1, __ATOMIC_RELAXED);
        return error;
    }
    taking->stream = stream;
    taking->end_ns = clock_monotonic_ns() + request->trace_ns;
    taking->job = (struct job){.run = run_taking, .done = taking_done, .fd = -1};
    if (!serve_submit(request->serve, &taking->job)) {
        tree_trace_end(taking->trace, /* ret= */ NULL);
        stream_end(stream, false);
        taking_done(&taking->job);
    }
    request->answer.stream = stream;
    return 0;
}

static bool run_trace(struct job *job) {
    struct request *request = request_of(job);
    if (__atomic_fetch_add(&n_taken, 1, __ATOMIC_RELAXED) >= TRACE_TAKEN_MAX) {
        __atomic_fetch_sub(&n_taken, 1, __ATOMIC_RELAXED);
        answer_error(&request->answer, MHD_HTTP_SERVICE_UNAVAILABLE,
                     "Could not enable tracing: as many traces are taken as may be at once");
        return false;
    }
    int error = take(request);
    if (error)
        answer_failure(&request->answer, "Could not enable tracing", error);
    return false;
}

static bool run_recent(struct job *job) {
    struct request *request = request_of(job);
    struct answer *answer = &request->answer;
    int error = tree_trace_recent(request->tree, request->pid, request->format, &answer->body);
    if (error == -ENODATA)
        answer_text(answer, MHD_HTTP_NOT_FOUND, "rolling trace capture is not enabled");
    else if (error)
        answer_failure(answer, "could not write the rolling trace", error);
    return false;
}

static bool read_format(struct request *request) {
    static const struct {
        const char *name;
        enum trace_format format;
    } formats[] = {{"", TRACE_GO_1_23},     {"1.22", TRACE_GO_1_22}, {"1.23", TRACE_GO_1_23},
                   {"1.25", TRACE_GO_1_25}, {"1.26", TRACE_GO_1_26}, {"perfetto", TRACE_PERFETTO}};
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
        if (!strcmp(request->arguments.format, formats[i].name)) {
            request->format = formats[i].format;
            return true;
        }
    answer_error(&request->answer, MHD_HTTP_BAD_REQUEST,
                 "invalid value for \"format\" - must be 1.22, 1.23, 1.25, 1.26 or perfetto");
    return false;
}

static void set_download(struct answer *answer, const char *name) {
    answer->status = MHD_HTTP_OK;
    answer->content_type = ANSWER_BYTES;
    snprintf(answer->attachment, sizeof(answer->attachment), "%s", name);
}

void trace_start(struct request *request) {
    uint64_t ns = number_parse_seconds(request->arguments.seconds);
    if (ns > NS_MAX) {
        answer_error(&request->answer, MHD_HTTP_BAD_REQUEST, "invalid value for \"seconds\" - must be at most 3600");
        return;
    }
    if (!read_format(request))
        return;
    request->trace_ns = ns ? ns : NS_PER_S;
    set_download(&request->answer, "trace");
    request->job.run = run_trace;
}

void trace_start_recent(struct request *request) {
    struct reader_figures figures = {0};
    if (!pprof_read_pid(request) || !read_format(request))
        return;
    int error = tree_figures(request->tree, request->pid, &figures);
    if (!error && !figures.trace_min_age_ns) {
        answer_text(&request->answer, MHD_HTTP_NOT_FOUND, "rolling trace capture is not enabled");
        return;
    }
    set_download(&request->answer, "rolling-trace.out");
    request->answer.no_store = true;
    request->job.run = run_recent;
}
