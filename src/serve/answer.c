#include "serve/answer.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "serve/stream.h"

static void set_text(struct answer *answer, unsigned status, const char *text) {
    buffer_done(&answer->body);
    buffer_printf(&answer->body, "%s\n", text);
    answer->status = status;
    answer->content_type = ANSWER_TEXT;
    answer->attachment[0] = '\0';
}

void answer_error(struct answer *answer, unsigned status, const char *text) {
    set_text(answer, status, text);
    answer->go_pprof = true;
}

void answer_failure(struct answer *answer, const char *what, int error) {
    char text[256], reason[128];
    if (error == -ESRCH) {
        answer_error(answer, MHD_HTTP_NOT_FOUND, "there is no such process");
        return;
    }
    snprintf(text, sizeof(text), "%s: %s", what, strerror_r(-error, reason, sizeof(reason)));
    answer_error(answer, MHD_HTTP_INTERNAL_SERVER_ERROR, text);
}

void answer_text(struct answer *answer, unsigned status, const char *text) {
    set_text(answer, status, text);
}

void answer_done(struct answer *answer) {
    stream_drop(answer->stream);
    buffer_done(&answer->body);
}

static void add_headers(const struct answer *answer, struct MHD_Response *response) {
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, answer->content_type);
    if (answer->go_pprof)
        MHD_add_response_header(response, "X-Go-Pprof", "1");
    if (answer->no_store)
        MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    if (answer->location)
        MHD_add_response_header(response, MHD_HTTP_HEADER_LOCATION, answer->location);
    if (answer->allow)
        MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, answer->allow);
    if (answer->wants_token)
        MHD_add_response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer realm=\"piko\"");
    if (answer->attachment[0]) {
        char value[64];
        snprintf(value, sizeof(value), "attachment; filename=\"%s\"", answer->attachment);
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_DISPOSITION, value);
    }
}

static ssize_t no_content(void *data, uint64_t position, char *to, size_t size) {
    (void)data;
    (void)position;
    (void)to;
    (void)size;
    return MHD_CONTENT_READER_END_OF_STREAM;
}

/* Headers alone, which say no length. Not chunked: libmicrohttpd would send the last chunk in spite of the HEAD. */
static struct MHD_Response *make_bodiless(void) {
    struct MHD_Response *response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 1, no_content, NULL, NULL);
    if (response)
        MHD_set_response_options(response, MHD_RF_HTTP_1_0_COMPATIBLE_STRICT, MHD_RO_END);
    return response;
}

/* What clients have not taken yet. They may be many, and slow. */
static atomic_size_t bytes_out;

static void free_body(void *data) {
    struct buffer *body = data;
    atomic_fetch_sub(&bytes_out, body->size);
    buffer_done(body);
    free(body);
}

static struct MHD_Response *make_body(struct buffer *given) {
    struct buffer *body = malloc(sizeof(*body));
    if (!body)
        return NULL;
    *body = *given;
    *given = (struct buffer)BUFFER_INIT(ANSWER_BODY_BYTES_MAX);
    atomic_fetch_add(&bytes_out, body->size);
    struct MHD_Response *response =
        MHD_create_response_from_buffer_with_free_callback_cls(body->size, body->data, free_body, body);
    if (!response)
        free_body(body);
    return response;
}

static struct MHD_Response *make_response(struct answer *answer) {
    if (answer->is_bodiless)
        return make_bodiless();
    if (answer->stream) {
        struct stream *stream = answer->stream;
        answer->stream = NULL;
        return stream_response(stream);
    }
    return make_body(&answer->body);
}

enum MHD_Result answer_queue(struct answer *answer, struct MHD_Connection *connection) {
    if (answer->body.error)
        answer_failure(answer, "could not hold the answer", answer->body.error);
    if (answer->body.size > ANSWER_BODY_BYTES_MAX - atomic_load(&bytes_out))
        answer_error(answer, MHD_HTTP_SERVICE_UNAVAILABLE, "too much is being sent already");
    struct MHD_Response *response = make_response(answer);
    if (!response)
        return MHD_NO;
    add_headers(answer, response);
    enum MHD_Result result = MHD_queue_response(connection, answer->status, response);
    MHD_destroy_response(response);
    return result;
}
