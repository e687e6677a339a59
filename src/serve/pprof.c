#include "serve/pprof.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "profile/profile.h"
#include "serve/number.h"
#include "serve/trace.h"

/* A profile that has a text form and a difference. */
struct pprof_kind {
    const char *name;
    enum reader_kind kind;
    enum profile_text_kind text;
};

static const struct pprof_kind kinds[] = {
    {"allocs", READER_ALLOCS, PROFILE_TEXT_HEAP},        {"block", READER_BLOCK, PROFILE_TEXT_BLOCK},
    {"goroutine", READER_GOROUTINE, PROFILE_TEXT_COUNT}, {"heap", READER_HEAP, PROFILE_TEXT_HEAP},
    {"mutex", READER_MUTEX, PROFILE_TEXT_MUTEX},         {"threadcreate", READER_THREADCREATE, PROFILE_TEXT_COUNT},
};

static const char bad_seconds[] = "invalid value for \"seconds\" - must be a positive integer";
static const char large_seconds[] = "invalid value for \"seconds\" - must be at most 3600";
_Static_assert(PPROF_SECONDS_MAX == 3600, "the message names the bound");

/* ---- On a worker ----------------------------------------------------------------------------------------------------- */

static void encode(struct request *request, const struct profile *profile) {
    if (profile_encode(profile, &request->answer.body))
        answer_failure(&request->answer, "could not encode the profile", request->answer.body.error);
}

/* Late is not failed: the profile is there, and its comments say that it is older. */
static bool failed(int error, const struct profile *profile) {
    return error && !(error == -ETIMEDOUT && profile);
}

static bool run_profile(struct job *job) {
    struct request *request = request_of(job);
    struct profile *profile = NULL;
    int error = tree_profile(request->tree, request->pid, request->kind->kind, &profile);
    if (failed(error, profile))
        answer_failure(&request->answer, "could not take the profile", error);
    else
        encode(request, profile);
    profile_free(profile);
    return false;
}

/* The text's "sampling period", by which it divides; the profile itself has 1, since its values are no longer samples. */
static int64_t mutex_fraction(struct request *request) {
    struct reader_figures figures;
    int error = tree_figures(request->tree, request->pid, &figures);
    return error ? 1 : (int64_t)figures.mutex_fraction;
}

static bool run_text(struct job *job) {
    struct request *request = request_of(job);
    struct profile *profile = NULL;
    int error = tree_profile(request->tree, request->pid, request->kind->kind, &profile);
    if (!failed(error, profile)) {
        if (request->kind->kind == READER_MUTEX)
            profile->period = mutex_fraction(request);
        error = profile_write_text(profile, request->kind->text, request->kind->name, &request->answer.body);
    }
    if (failed(error, profile))
        answer_failure(&request->answer, "could not write the profile", error);
    profile_free(profile);
    return false;
}

static bool run_dump(struct job *job) {
    struct request *request = request_of(job);
    int error = tree_dump(request->tree, request->pid, &request->answer.body);
    if (error && error != -ETIMEDOUT)
        answer_failure(&request->answer, "could not dump the threads", error);
    return false;
}

static bool wait_for_end(struct request *request) {
    request->begun = true;
    request->job.due_ns = clock_monotonic_ns() + request->seconds * NS_PER_S;
    return true;
}

static bool run_delta(struct job *job) {
    struct request *request = request_of(job);
    struct profile *profile = NULL;
    int error;
    if (!request->begun) {
        error = tree_delta_begin(request->tree, request->pid, request->kind->kind, &request->delta);
        if (request->delta)
            return wait_for_end(request);
    } else {
        error = tree_delta_end(request->delta, job->gone ? NULL : &profile);
    }
    if (profile)
        encode(request, profile);
    else if (!job->gone)
        answer_failure(&request->answer, "failed to collect profile", error);
    profile_free(profile);
    return false;
}

static bool run_cpu(struct job *job) {
    struct request *request = request_of(job);
    struct profile *profile = NULL;
    int error;
    if (!request->begun) {
        error = tree_cpu_begin(request->tree, request->pid, request->hz, &request->cpu);
        if (!error)
            return wait_for_end(request);
        answer_failure(&request->answer, "Could not enable CPU profiling", error);
        return false;
    }
    error = tree_cpu_end(request->cpu, job->gone ? NULL : &profile);
    if (error)
        answer_failure(&request->answer, "failed to collect profile", error);
    else if (profile)
        encode(request, profile);
    profile_free(profile);
    return false;
}

/* One address of the list: "0x47d4e0 runtime.traceback2". */
static void add_symbol(struct request *request, uint64_t address) {
    struct buffer name = BUFFER_INIT(0);
    if (!tree_symbol(request->tree, request->pid, address, &name) && name.size)
        buffer_printf(&request->answer.body, "0x%" PRIx64 " %s\n", address, name.data);
    buffer_done(&name);
}

static bool run_symbol(struct job *job) {
    struct request *request = request_of(job);
    const char *list = request_query(request), *end = list + strlen(list);
    if (request->is_post) {
        list = request->body.size ? request->body.data : "";
        end = list + request->body.size;
    }
    /* Only whether the number is 0 counts for pprof. */
    buffer_add_string(&request->answer.body, "num_symbols: 1\n");
    for (const char *plus; list < end; list = plus + 1) {
        plus = memchr(list, '+', (size_t)(end - list));
        if (!plus)
            plus = end;
        uint64_t address = number_parse_address(list, (uint64_t)(plus - list));
        if (address)
            add_symbol(request, address);
    }
    return false;
}

/* ---- On the HTTP thread ---------------------------------------------------------------------------------------------- */

static void set_text(struct answer *answer) {
    answer->status = MHD_HTTP_OK;
    answer->content_type = ANSWER_TEXT;
}

static void set_download(struct answer *answer, const char *name, const char *suffix) {
    answer->status = MHD_HTTP_OK;
    answer->content_type = ANSWER_BYTES;
    snprintf(answer->attachment, sizeof(answer->attachment), "%s%s", name, suffix);
}

static void start_delta(struct request *request) {
    struct answer *answer = &request->answer;
    int64_t seconds, debug;
    int error = number_parse(request->arguments.seconds, &seconds);
    number_parse(request->arguments.debug, &debug);
    if (error == -EINVAL || seconds <= 0) {
        answer_error(answer, MHD_HTTP_BAD_REQUEST, bad_seconds);
    } else if (seconds > PPROF_SECONDS_MAX) {
        answer_error(answer, MHD_HTTP_BAD_REQUEST, large_seconds);
    } else if (debug) {
        answer_error(answer, MHD_HTTP_BAD_REQUEST, "seconds and debug params are incompatible");
    } else {
        set_download(answer, request->kind->name, "-delta");
        request->seconds = (uint64_t)seconds;
        request->job.run = run_delta;
    }
}

static void start_kind(struct request *request, const struct pprof_kind *kind) {
    request->kind = kind;
    if (*request->arguments.seconds) {
        start_delta(request);
        return;
    }
    int64_t debug;
    number_parse(request->arguments.debug, &debug);
    if (!debug) {
        set_download(&request->answer, kind->name, "");
        request->job.run = run_profile;
    } else {
        set_text(&request->answer);
        request->job.run = kind->kind == READER_GOROUTINE && debug >= 2 ? run_dump : run_text;
    }
}

static void start_cpu(struct request *request) {
    int64_t seconds, hz = request->hz;
    int error = number_parse(request->arguments.seconds, &seconds);
    if (error == -EINVAL || seconds <= 0)
        seconds = PPROF_SECONDS_DEFAULT;
    if (seconds > PPROF_SECONDS_MAX) {
        answer_error(&request->answer, MHD_HTTP_BAD_REQUEST, large_seconds);
        return;
    }
    if (*request->arguments.hz && (number_parse(request->arguments.hz, &hz) || hz < 1 || hz > PPROF_HZ_MAX)) {
        answer_error(&request->answer, MHD_HTTP_BAD_REQUEST,
                     "invalid value for \"hz\" - must be an integer from 1 to 1000");
        return;
    }
    _Static_assert(PPROF_HZ_MAX == 1000, "the message names the bound");
    set_download(&request->answer, "profile", "");
    request->seconds = (uint64_t)seconds;
    request->hz = (unsigned)hz;
    request->job.run = run_cpu;
}

static void start_cmdline(struct request *request) {
    set_text(&request->answer);
    int error = tree_cmdline(request->tree, request->pid, &request->answer.body);
    if (error)
        answer_failure(&request->answer, "could not read the command line", error);
}

static void start_symbol(struct request *request) {
    set_text(&request->answer);
    request->job.run = run_symbol;
}

static const struct {
    const char *name;
    void (*start)(struct request *request);
} others[] = {
    {"cmdline", start_cmdline},
    {"profile", start_cpu},
    {"symbol", start_symbol},
    {"trace", trace_start},
};

bool pprof_read_pid(struct request *request) {
    int64_t pid = 0;
    if (*request->arguments.pid && (number_parse(request->arguments.pid, &pid) || pid < 1 || pid > INT32_MAX)) {
        answer_error(&request->answer, MHD_HTTP_BAD_REQUEST, "invalid value for \"pid\" - must be a process id");
        return false;
    }
    request->pid = (uint32_t)pid;
    return true;
}

void pprof_start(struct request *request, const char *name) {
    if (!pprof_read_pid(request))
        return;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (!strcmp(name, kinds[i].name)) {
            start_kind(request, &kinds[i]);
            return;
        }
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (!strcmp(name, others[i].name)) {
            others[i].start(request);
            return;
        }
    answer_error(&request->answer, MHD_HTTP_NOT_FOUND, "Unknown profile");
}

const struct pprof_entry pprof_entries[] = {
    {"allocs", "A sampling of all past memory allocations", READER_ALLOCS},
    {"block", "Stacks of threads that waited: for locks, conditions, semaphores, barriers, other threads",
     READER_BLOCK},
    {"cmdline", "The command line of the program, its arguments separated by NUL bytes", -1},
    {"goroutine",
     "The stack of every thread. debug=2 writes one block a thread, with its name, its state and how long it has been "
     "in it.",
     READER_GOROUTINE},
    {"heap", "A sampling of the memory allocations whose objects are alive", READER_HEAP},
    {"mutex", "Stacks of the unlocks that ended the waits of other threads: who held the lock", READER_MUTEX},
    {"profile",
     "CPU profile. seconds sets how long it takes (default 30, at most 3600), hz the samples a second of CPU time (1 "
     "to 1000).",
     -1},
    {"symbol", "Names of functions at the addresses given in the query or in a POST body, separated by '+'", -1},
    {"threadcreate", "Stacks that led to the creation of the threads that live now", READER_THREADCREATE},
    {"trace",
     "Execution trace, for go tool trace. seconds sets how long it takes (default 1, fractions allowed, at most 3600), "
     "format the version of the file (1.22, 1.23, 1.25, 1.26; default 1.23).",
     -1},
};
const unsigned pprof_n_entries = sizeof(pprof_entries) / sizeof(pprof_entries[0]);
