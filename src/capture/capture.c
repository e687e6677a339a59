/* HTTP by libcurl's multi interface: it is the one that lets us look at the stop flag every 50 ms. */
#include "capture/capture.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"

#define POLL_MS 50
#define GRACE_SECONDS 30u /* beyond what the server takes on purpose */
#define CONNECT_SECONDS 10u
#define REDIRECTS_MAX 5l

struct capture {
    char *base;
    char *prefix;
    char *index_url;
    const volatile int *stop;
    bool cancelled; /* the transfer under way is to end */
    void (*tick)(void *data);
    void *tick_data;
    CURL *easy; /* one handle and one multi: connections are kept between requests */
    CURLM *multi;
    char reason[CURL_ERROR_SIZE];
};

/* curl would send even loopback through http_proxy, where no proxy can reach the program that is meant. */
static bool is_loopback(const char *base) {
    const char *host = strstr(base, "://");
    host = host ? host + 3 : base;
    const char *login = strrchr(host, '@');
    host = login ? login + 1 : host;
    return !strncmp(host, "127.", 4) || !strncmp(host, "[::1]", 5) || !strcasecmp(host, "localhost") ||
           !strncasecmp(host, "localhost:", 10);
}

static CURLcode set_way(CURL *easy, const struct capture_options *options) {
    CURLcode code = CURLE_OK;
    if (options->unix_path)
        code |= curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, options->unix_path);
    if (options->token) {
        code |= curl_easy_setopt(easy, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
        code |= curl_easy_setopt(easy, CURLOPT_XOAUTH2_BEARER, options->token);
    }
    if (options->ca_file)
        code |= curl_easy_setopt(easy, CURLOPT_CAINFO, options->ca_file);
    if (options->insecure) {
        code |= curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0l);
        code |= curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0l);
    }
    return code;
}

static int set_options(struct capture *capture, const struct capture_options *options) {
    CURL *easy = capture->easy;
    CURLcode code = set_way(easy, options);
    code |= curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1l);
    code |= curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    code |= curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    code |= curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 1l);
    code |= curl_easy_setopt(easy, CURLOPT_MAXREDIRS, REDIRECTS_MAX);
    code |= curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_SECONDS);
    code |= curl_easy_setopt(easy, CURLOPT_USERAGENT, "piko");
    code |= curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, capture->reason);
    if (options->unix_path || is_loopback(capture->base))
        code |= curl_easy_setopt(easy, CURLOPT_PROXY, "");
    return code == CURLE_OK ? 0 : -ENOMEM;
}

int capture_set_prefix(struct capture *capture, const char *prefix) {
    char *url, *copy = strdup(prefix);
    if (!copy || asprintf(&url, "%s%s/", capture->base, prefix) < 0) {
        free(copy);
        return -ENOMEM;
    }
    free(capture->prefix);
    free(capture->index_url);
    capture->prefix = copy;
    capture->index_url = url;
    return 0;
}

int capture_new(const struct capture_options *options, struct capture **ret) {
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return -ENOMEM;
    struct capture *capture = calloc(1, sizeof *capture);
    if (!capture) {
        curl_global_cleanup();
        return -ENOMEM;
    }
    capture->stop = options->stop;
    capture->base = strdup(options->base);
    capture->easy = curl_easy_init();
    capture->multi = curl_multi_init();
    if (!capture->base || !capture->easy || !capture->multi || capture_set_prefix(capture, options->prefix) ||
        set_options(capture, options)) {
        capture_free(capture);
        return -ENOMEM;
    }
    *ret = capture;
    return 0;
}

void capture_free(struct capture *capture) {
    if (!capture)
        return;
    curl_easy_cleanup(capture->easy);
    curl_multi_cleanup(capture->multi);
    free(capture->index_url);
    free(capture->prefix);
    free(capture->base);
    free(capture);
    curl_global_cleanup();
}

void capture_set_tick(struct capture *capture, void (*tick)(void *data), void *data) {
    capture->tick = tick;
    capture->tick_data = data;
}

void capture_cancel(struct capture *capture) {
    capture->cancelled = true;
}

const char *capture_index_url(const struct capture *capture) {
    return capture->index_url;
}

static size_t receive(char *data, size_t size, size_t count, void *body) {
    return buffer_add(body, data, size * count) ? 0 : size * count;
}

static CURLcode result_of(struct capture *capture) {
    int queued;
    CURLMsg *message = curl_multi_info_read(capture->multi, &queued);
    return message && message->msg == CURLMSG_DONE ? message->data.result : CURLE_FAILED_INIT;
}

/* Drive the transfer to its end: 0 with curl's verdict in `ret`, -ECANCELED, or -EIO when curl itself fails. */
static int drive(struct capture *capture, CURLcode *ret) {
    for (;;) {
        int running;
        if (curl_multi_perform(capture->multi, &running) != CURLM_OK)
            return -EIO;
        if (!running) {
            *ret = result_of(capture);
            return 0;
        }
        if (capture->tick)
            capture->tick(capture->tick_data);
        if (capture->cancelled || (capture->stop && *capture->stop))
            return -ECANCELED;
        if (curl_multi_poll(capture->multi, NULL, 0, POLL_MS, NULL) != CURLM_OK)
            return -EIO;
    }
}

static int transfer(struct capture *capture, const char *url, unsigned time_out, struct buffer *body, CURLcode *ret) {
    CURL *easy = capture->easy;
    capture->reason[0] = '\0';
    CURLcode code = CURLE_OK;
    code |= curl_easy_setopt(easy, CURLOPT_URL, url);
    code |= curl_easy_setopt(easy, CURLOPT_TIMEOUT, (long)time_out);
    code |= curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, receive);
    code |= curl_easy_setopt(easy, CURLOPT_WRITEDATA, body);
    if (code != CURLE_OK || curl_multi_add_handle(capture->multi, easy) != CURLM_OK)
        return -ENOMEM;
    capture->cancelled = false;
    int error = drive(capture, ret);
    curl_multi_remove_handle(capture->multi, easy);
    return error;
}

/* curl's verdict as errno and as a few words. */
static int failure(struct capture *capture, CURLcode code, const struct buffer *body, unsigned time_out, char *why) {
    long system_error = 0;
    curl_easy_getinfo(capture->easy, CURLINFO_OS_ERRNO, &system_error);
    if (body->error == -EFBIG) {
        snprintf(why, CAPTURE_WHY_BYTES, "the answer is larger than %zu MiB", body->most >> 20);
        return -EFBIG;
    }
    if (body->error || code == CURLE_OUT_OF_MEMORY) {
        snprintf(why, CAPTURE_WHY_BYTES, "out of memory");
        return -ENOMEM;
    }
    if (code == CURLE_OPERATION_TIMEDOUT) {
        snprintf(why, CAPTURE_WHY_BYTES, "no whole answer within %u s", time_out);
        return -ETIMEDOUT;
    }
    if (code == CURLE_COULDNT_CONNECT && system_error == ECONNREFUSED) {
        snprintf(why, CAPTURE_WHY_BYTES, "connection refused");
        return -ECONNREFUSED;
    }
    snprintf(why, CAPTURE_WHY_BYTES, "%s", capture->reason[0] ? capture->reason : curl_easy_strerror(code));
    switch (code) {
    case CURLE_COULDNT_CONNECT:
        return system_error > 0 ? -(int)system_error : -ECONNREFUSED;
    case CURLE_COULDNT_RESOLVE_HOST:
        return -EHOSTUNREACH;
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
        return -ECONNRESET;
    default:
        return -EPROTO;
    }
}

/* The first line of an error's body says more than its number; control characters stay away from the terminal. */
static void explain_status(long status, const char *line, size_t size, char *why) {
    char text[200];
    size_t length = 0;
    while (length < size && length < sizeof text - 1 && (unsigned char)line[length] >= ' ' && line[length] != 127) {
        text[length] = line[length];
        length++;
    }
    text[length] = '\0';
    snprintf(why, CAPTURE_WHY_BYTES, "it answered %ld%s%s", status, length && text[0] != '<' ? ": " : "",
             text[0] != '<' ? text : "");
}

/* Go's servers give a CPU profile or a trace to one client at a time: "cpu profiling already in use", "execution tracer
 * already enabled". */
static bool is_busy(long status, const struct buffer *body) {
    return status == 500 && body->data &&
           (strstr(body->data, "already in use") || strstr(body->data, "already enabled"));
}

/* Get an absolute URL into `ret`; `why` gets the reason alone. *ret_status is 0 without an answer. */
static int get(struct capture *capture, const char *url, unsigned time_out, size_t most, struct buffer *ret,
               long *ret_status, char *why) {
    _cleanup_buffer_ struct buffer body = BUFFER_INIT(most);
    CURLcode code = CURLE_OK;
    *ret_status = 0;
    int error = transfer(capture, url, time_out, &body, &code);
    if (error) {
        snprintf(why, CAPTURE_WHY_BYTES, "%s", error == -ECANCELED ? "interrupted" : strerror(-error));
        return error;
    }
    if (code != CURLE_OK)
        return failure(capture, code, &body, time_out, why);
    curl_easy_getinfo(capture->easy, CURLINFO_RESPONSE_CODE, ret_status);
    if (*ret_status != 200) {
        explain_status(*ret_status, body.data, body.size, why);
        return is_busy(*ret_status, &body) ? -EBUSY : -EPROTO;
    }
    if ((error = buffer_add(ret, body.data, body.size)))
        snprintf(why, CAPTURE_WHY_BYTES, "%s", strerror(-error));
    return error;
}

static int get_url(struct capture *capture, const char *url, unsigned seconds, size_t most, struct buffer *ret,
                   char *why) {
    char reason[CAPTURE_WHY_BYTES] = "";
    long status;
    int error = get(capture, url, seconds + GRACE_SECONDS, most, ret, &status, reason);
    if (error == -ECONNRESET && !seconds)
        error = get(capture, url, GRACE_SECONDS, most, ret, &status, reason);
    if (error)
        snprintf(why, CAPTURE_WHY_BYTES, "%.240s: %.240s", url, reason);
    return error;
}

int capture_get(struct capture *capture, const char *name, unsigned seconds, size_t most, struct buffer *ret,
                char why[CAPTURE_WHY_BYTES]) {
    _cleanup_free_ char *url = NULL;
    if (asprintf(&url, "%s%s", capture->index_url, name) < 0) {
        url = NULL;
        return -ENOMEM;
    }
    return get_url(capture, url, seconds, most, ret, why);
}

int capture_get_path(struct capture *capture, const char *path, unsigned seconds, size_t most, struct buffer *ret,
                     char why[CAPTURE_WHY_BYTES]) {
    _cleanup_free_ char *url = NULL;
    if (asprintf(&url, "%s%s", capture->base, path) < 0) {
        url = NULL;
        return -ENOMEM;
    }
    return get_url(capture, url, seconds, most, ret, why);
}

/* Many servers answer any path. An index of profiles has this one, whoever made it. */
static bool is_index(const struct buffer *page) {
    return page->data && strstr(page->data, "goroutine");
}

int capture_check(struct capture *capture, char why[CAPTURE_WHY_BYTES]) {
    _cleanup_buffer_ struct buffer index = BUFFER_INIT(CAPTURE_STATUS_BYTES_MAX);
    long status;
    int error = get(capture, capture->index_url, CAPTURE_CHECK_SECONDS, index.most, &index, &status, why);
    if (!error && !is_index(&index)) {
        snprintf(why, CAPTURE_WHY_BYTES, "what it answers is no list of profiles");
        error = -EPROTO;
    }
    return error;
}

/* The status stands beside the profiles: ".../debug/pprof" and ".../profiler/status". */
static char *status_url(const struct capture *capture) {
    static const char tail[] = "/debug/pprof";
    size_t length = strlen(capture->prefix), cut = sizeof tail - 1;
    if (length >= cut && !strcmp(capture->prefix + length - cut, tail))
        length -= cut;
    char *url = NULL;
    if (asprintf(&url, "%s%.*s/profiler/status", capture->base, (int)length, capture->prefix) < 0)
        return NULL;
    return url;
}

int capture_status(struct capture *capture, struct capture_status *ret, char why[CAPTURE_WHY_BYTES]) {
    if (!strcmp(capture->prefix, "/debug/pprof")) /* Go's own: what answered there would be the application */
        return -ENOENT;
    _cleanup_free_ char *url = status_url(capture);
    if (!url)
        return -ENOMEM;
    _cleanup_buffer_ struct buffer body = BUFFER_INIT(CAPTURE_STATUS_BYTES_MAX);
    char reason[CAPTURE_WHY_BYTES] = "";
    long status;
    int error = get(capture, url, GRACE_SECONDS, body.most, &body, &status, reason);
    if (error && status == 404)
        error = -ENOENT;
    if (!error)
        error = capture_status_parse(body.data ? body.data : "", body.size, ret, reason);
    if (error)
        snprintf(why, CAPTURE_WHY_BYTES, "%.240s: %.240s", url, reason);
    return error;
}
