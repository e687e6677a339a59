#include "serve/serve.h"

#include <errno.h>
#include <microhttpd.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "serve/access.h"
#include "serve/admit.h"
#include "serve/connections.h"
#include "serve/jobs.h"
#include "serve/listen.h"
#include "serve/request.h"
#include "serve/route.h"
#include "serve/save.h"
#include "serve/submit.h"

#define CONNECTION_MEMORY_BYTES (32u << 10) /* the request line and headers fit in it */
#define STOP_WAIT_S 2u                      /* for clients to take their answers */

struct serve {
    struct tree *tree;
    struct tree *own_tree; /* made around the reader of one process; NULL = the caller's */
    unsigned cpu_rate_hz;
    int (*save)(void *data, uint32_t pid, struct buffer *ret);
    void *save_data;
    struct access *access;
    struct jobs *jobs;
    struct connections *connections;
    struct MHD_Daemon *daemon;
    uint16_t port;
    char *unix_path; /* NULL = on the port */
    int listen_fd;   /* -1: closed */
    pthread_mutex_t lock;
    pthread_cond_t idle; /* n_requests became 0 */
    unsigned n_requests; /* between the last byte that came in and the last that goes out */
};

/* ---- A request ------------------------------------------------------------------------------------------------------- */

/* How many there are now. */
static unsigned count_requests(struct serve *serve, int change) {
    pthread_mutex_lock(&serve->lock);
    unsigned n = serve->n_requests += (unsigned)change;
    if (!n)
        pthread_cond_broadcast(&serve->idle);
    pthread_mutex_unlock(&serve->lock);
    return n;
}

static void *on_uri(void *data, const char *uri, struct MHD_Connection *connection) {
    struct serve *serve = data;
    struct request *request = request_new(serve, serve->tree, uri);
    if (!request)
        return NULL;
    request->connection = connection;
    request->hz = serve->cpu_rate_hz;
    return request;
}

static void on_completed(void *data, struct MHD_Connection *connection, void **context,
                         enum MHD_RequestTerminationCode code) {
    (void)code;
    struct serve *serve = data;
    struct request *request = *context;
    *context = NULL;
    if (request && request->handled)
        count_requests(serve, -1);
    connections_waiting(serve->connections, connection);
    request_free(request);
}

static void on_job_done(struct job *job) {
    MHD_resume_connection(request_of(job)->connection);
}

static void begin(struct request *request, const char *method) {
    request->started = true;
    request->is_get = !strcmp(method, MHD_HTTP_METHOD_GET);
    request->is_head = !strcmp(method, MHD_HTTP_METHOD_HEAD);
    request->is_post = !strcmp(method, MHD_HTTP_METHOD_POST);
}

static void refuse_while_stopping(struct request *request) {
    answer_text(&request->answer, MHD_HTTP_SERVICE_UNAVAILABLE, "the profiling server is stopping");
}

/* Hand over to libmicrohttpd, with a time for the client to take it. */
static enum MHD_Result reply(struct request *request) {
    struct answer *answer = &request->answer;
    connections_sending(request->serve->connections, request->connection,
                        answer->stream ? SIZE_MAX : answer->body.size);
    return answer_queue(answer, request->connection);
}

static void refuse_too_many(struct request *request) {
    answer_text(&request->answer, MHD_HTTP_SERVICE_UNAVAILABLE, "too many requests are being answered already");
}

/* The connection is suspended first, since the job may be done before this returns. */
static void submit(struct request *request) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    request->job.fd = info ? info->connect_fd : -1;
    request->job.done = on_job_done;
    MHD_suspend_connection(request->connection);
    if (!jobs_submit(request->serve->jobs, &request->job)) {
        refuse_while_stopping(request);
        MHD_resume_connection(request->connection);
    }
}

/* The body is there. */
static enum MHD_Result handle(struct request *request, const char *path) {
    request->handled = true;
    connections_working(request->serve->connections, request->connection);
    if (count_requests(request->serve, +1) > JOBS_MAX) {
        refuse_too_many(request);
    } else if (request->body.error) {
        answer_text(&request->answer, MHD_HTTP_CONTENT_TOO_LARGE, "the request body is too large");
    } else {
        request_read_arguments(request);
        route_start(request, path);
    }
    if (!request->job.run)
        return reply(request);
    submit(request);
    return MHD_YES;
}

static enum MHD_Result on_request(void *data, struct MHD_Connection *connection, const char *path, const char *method,
                                  const char *version, const char *upload, size_t *upload_size, void **context) {
    (void)data;
    (void)connection;
    (void)version;
    struct request *request = *context;
    if (!request)
        return MHD_NO;
    if (!request->started) {
        begin(request, method);
        return admit(request, request->serve->access) ? MHD_YES : reply(request);
    }
    if (*upload_size) {
        buffer_add(&request->body, upload, *upload_size);
        *upload_size = 0;
        return MHD_YES;
    }
    if (!request->handled)
        return handle(request, path);
    return request->job.gone ? MHD_NO : reply(request);
}

/* ---- Start and stop -------------------------------------------------------------------------------------------------- */

static int start_daemon(struct serve *serve, int fd) {
    serve->daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC, serve->port, NULL, NULL, on_request,
        serve, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX,
        MHD_OPTION_CONNECTION_TIMEOUT, CONNECTIONS_TIMEOUT_S, MHD_OPTION_NOTIFY_CONNECTION, connections_notify,
        serve->connections, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY_BYTES,
        MHD_OPTION_URI_LOG_CALLBACK, on_uri, serve, MHD_OPTION_NOTIFY_COMPLETED, on_completed, serve, MHD_OPTION_END);
    return serve->daemon ? 0 : errno ? -errno : -ENOMEM;
}

/* Signals are the program's: none is delivered on our threads. */
static int start_threads(struct serve *serve, int fd) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = jobs_start(&serve->jobs);
    serve->connections = error ? NULL : connections_new(serve->jobs);
    if (!error && !serve->connections)
        error = -ENOMEM;
    if (!error)
        error = start_daemon(serve, fd);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

static void serve_free(struct serve *serve) {
    jobs_free(serve->jobs);
    connections_free(serve->connections);
    access_free(serve->access);
    free(serve->unix_path);
    tree_free(serve->own_tree);
    pthread_cond_destroy(&serve->idle);
    pthread_mutex_destroy(&serve->lock);
    free(serve);
}

static struct serve *serve_new(const struct serve_options *options) {
    struct serve *serve = calloc(1, sizeof(*serve));
    if (!serve)
        return NULL;
    if (!options->tree && tree_new_single(options->reader, &serve->own_tree)) {
        free(serve);
        return NULL;
    }
    serve->listen_fd = -1;
    serve->tree = options->tree ? options->tree : serve->own_tree;
    serve->cpu_rate_hz = options->cpu_rate_hz;
    serve->save = options->save;
    serve->save_data = options->save_data;
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&serve->idle, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&serve->lock, NULL);
    return serve;
}

__attribute__((format(printf, 2, 3))) static void warn(const struct serve_options *options, const char *format, ...) {
    char message[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    options->log(options->log_data, SERVE_LOG_WARNING, message);
}

static void warn_of_openness(const struct serve_options *options, const struct serve *serve) {
    struct stat status;
    if (options->token_file && !stat(options->token_file, &status) && status.st_mode & (S_IRWXG | S_IRWXO))
        warn(options, "the token in %s can be read by other users: chmod 600 %s", options->token_file,
             options->token_file);
    if (listen_is_local(serve->listen_fd))
        return;
    warn(options, "whoever reaches %s port %u %s", options->bind_address, (unsigned)serve->port,
         options->token_file ? "can read the token and the profiles on their way: nothing is encrypted"
                             : "can read the program's profiles: bind to localhost, or ask for a token");
}

static int open_socket(const struct serve_options *options, struct serve *serve, char *why, size_t why_size) {
    int fd = options->unix_path ? listen_unix(options->unix_path, why, why_size)
                                : listen_open(options->bind_address, options->port, why, why_size);
    if (fd < 0)
        return fd;
    serve->listen_fd = fd;
    serve->port = listen_port(fd);
    serve->unix_path = options->unix_path ? strdup(options->unix_path) : NULL;
    return 0;
}

static void close_socket(struct serve *serve) {
    if (serve->listen_fd < 0)
        return;
    close(serve->listen_fd);
    if (serve->unix_path)
        unlink(serve->unix_path);
}

static int start(const struct serve_options *options, struct serve *serve, char *why, size_t why_size) {
    int error = access_new(options->unix_path ? NULL : options->bind_address, options->allow_hosts, options->token_file,
                           &serve->access, why, why_size);
    if (!error)
        error = open_socket(options, serve, why, why_size);
    if (error)
        return error;
    error = start_threads(serve, serve->listen_fd);
    if (error)
        snprintf(why, why_size, "cannot serve on %s port %u: %s", options->bind_address, (unsigned)options->port,
                 strerror(-error));
    return error;
}

int serve_start(const struct serve_options *options, struct serve **ret, char *why, size_t why_size) {
    struct serve *serve = serve_new(options);
    if (!serve) {
        snprintf(why, why_size, "%s", strerror(ENOMEM));
        return -ENOMEM;
    }
    int error = start(options, serve, why, why_size);
    if (error) {
        close_socket(serve);
        serve_free(serve);
        return error;
    }
    warn_of_openness(options, serve);
    *ret = serve;
    return 0;
}

bool serve_submit(struct serve *serve, struct job *job) {
    return jobs_submit(serve->jobs, job);
}

bool serve_can_save(const struct serve *serve) {
    return serve->save != NULL;
}

int serve_save(struct serve *serve, uint32_t pid, struct buffer *ret) {
    return serve->save(serve->save_data, pid, ret);
}

uint16_t serve_port(const struct serve *serve) {
    return serve->port;
}

void serve_leave_to_parent(struct serve *serve) {
    if (serve && serve->listen_fd >= 0)
        close(serve->listen_fd);
}

static void wait_for_answers(struct serve *serve) {
    uint64_t deadline_ns = clock_monotonic_ns() + STOP_WAIT_S * NS_PER_S;
    const struct timespec deadline = {
        .tv_sec = (time_t)(deadline_ns / NS_PER_S),
        .tv_nsec = (long)(deadline_ns % NS_PER_S),
    };
    pthread_mutex_lock(&serve->lock);
    int error = 0;
    while (serve->n_requests && !error)
        error = pthread_cond_timedwait(&serve->idle, &serve->lock, &deadline);
    pthread_mutex_unlock(&serve->lock);
}

void serve_stop(struct serve *serve) {
    if (!serve)
        return;
    int fd = serve->listen_fd;
    serve->listen_fd = -1; /* a child forked from here on may have a copy, but never closes another file */
    MHD_quiesce_daemon(serve->daemon);
    close(fd);
    if (serve->unix_path)
        unlink(serve->unix_path);
    connections_close(serve->connections);
    jobs_close(serve->jobs);
    wait_for_answers(serve);
    MHD_stop_daemon(serve->daemon);
    serve_free(serve);
}
