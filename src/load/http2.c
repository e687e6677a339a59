#include "load/http2.h"

#include <errno.h>
#include <nghttp2/nghttp2.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "load/load.h"
#include "load/request.h"

#define WINDOW_BYTES ((1 << 30) - 1)         /* bodies are counted, not kept: the server need not wait for us */
#define OUTPUT_BYTES_MAX (64u << 10)         /* that are gathered for one send */
#define FIELDS_MAX (REQUEST_HEADERS_MAX + 8) /* those that are added among them */

struct http2 {
    nghttp2_session *session;
    int32_t stream; /* of the request under way; 0 = none */
    bool ended;     /* it was closed since http2_begin() */
    uint32_t error; /* and with which code */
    struct response *response;
    const char *body;
    size_t body_size, body_sent;
    struct buffer output;
    size_t sent; /* of it */
};

static int refuse(struct response *response, const char *why) {
    response->why = why;
    return NGHTTP2_ERR_CALLBACK_FAILURE;
}

/* The name of the last one stays: a final head follows interim ones. */
static void take_status(struct response *response, const uint8_t *value, size_t size) {
    unsigned status = 0;
    for (size_t i = 0; i < size && i < 3; i++)
        status = status * 10 + (unsigned)(value[i] - '0');
    response->status = status;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_size,
                     const uint8_t *value, size_t value_size, uint8_t flags, void *data) {
    (void)session;
    (void)flags;
    struct http2 *http2 = data;
    struct response *response = http2->response;
    if (frame->hd.stream_id != http2->stream)
        return 0;
    response->stage = RESPONSE_FIELDS;
    response->head_bytes += name_size + value_size + 4;
    if (response->head_bytes > LOAD_HEAD_BYTES_MAX)
        return refuse(response, "head is over 64 KiB");
    if (++response->fields > LOAD_FIELDS_MAX)
        return refuse(response, "more than 256 header fields");
    if (name_size == 7 && !memcmp(name, ":status", 7))
        take_status(response, value, value_size);
    if (response->location && name_size == 8 && !memcmp(name, "location", 8) && value_size < RESPONSE_LOCATION_BYTES) {
        memcpy(response->location, value, value_size);
        response->location[value_size] = '\0';
    }
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *bytes, size_t size,
                   void *data) {
    (void)session;
    (void)flags;
    (void)bytes;
    struct http2 *http2 = data;
    if (stream == http2->stream)
        http2->response->body_bytes += size;
    return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t stream, uint32_t error, void *data) {
    (void)session;
    struct http2 *http2 = data;
    if (stream != http2->stream)
        return 0;
    http2->ended = true;
    http2->error = error;
    http2->stream = 0;
    return 0;
}

static int make_session(struct http2 *http2) {
    nghttp2_session_callbacks *callbacks;
    if (nghttp2_session_callbacks_new(&callbacks))
        return -ENOMEM;
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    int error = nghttp2_session_client_new(&http2->session, callbacks, http2);
    nghttp2_session_callbacks_del(callbacks);
    const nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
                                               {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WINDOW_BYTES}};
    if (!error)
        error = nghttp2_submit_settings(http2->session, NGHTTP2_FLAG_NONE, settings, 2);
    if (!error)
        error = nghttp2_session_set_local_window_size(http2->session, NGHTTP2_FLAG_NONE, 0, WINDOW_BYTES);
    return error ? -ENOMEM : 0;
}

int http2_new(struct response *response, struct http2 **ret) {
    struct http2 *http2 = calloc(1, sizeof *http2);
    if (!http2 || make_session(http2)) {
        http2_free(http2);
        return -ENOMEM;
    }
    http2->response = response;
    *ret = http2;
    return 0;
}

void http2_free(struct http2 *http2) {
    if (!http2)
        return;
    nghttp2_session_del(http2->session);
    buffer_done(&http2->output);
    free(http2);
}

static ssize_t read_body(nghttp2_session *session, int32_t stream, uint8_t *to, size_t room, uint32_t *flags,
                         nghttp2_data_source *source, void *data) {
    (void)session;
    (void)stream;
    (void)source;
    struct http2 *http2 = data;
    size_t rest = http2->body_size - http2->body_sent, size = rest < room ? rest : room;
    memcpy(to, http2->body + http2->body_sent, size);
    http2->body_sent += size;
    if (http2->body_sent == http2->body_size)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)size;
}

/* The head is name, NUL, value, NUL, and so on: it is not copied once more. */
static size_t split_head(const struct buffer *head, nghttp2_nv fields[FIELDS_MAX]) {
    size_t n = 0;
    for (char *at = head->data, *end = head->data + head->size; at < end && n < FIELDS_MAX; n++) {
        nghttp2_nv field = {.flags = NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE};
        field.name = (uint8_t *)at;
        field.namelen = strlen(at);
        at += field.namelen + 1;
        field.value = (uint8_t *)at;
        field.valuelen = strlen(at);
        at += field.valuelen + 1;
        fields[n] = field;
    }
    return n;
}

int http2_begin(struct http2 *http2, const struct buffer *head, const void *body, size_t body_size) {
    nghttp2_nv fields[FIELDS_MAX];
    nghttp2_data_provider provider = {.read_callback = read_body};
    if (!nghttp2_session_check_request_allowed(http2->session))
        return -EPIPE;
    size_t n = split_head(head, fields);
    http2->body = body;
    http2->body_size = body_size;
    http2->body_sent = 0;
    http2->ended = false;
    http2->error = NGHTTP2_NO_ERROR;
    int32_t stream = nghttp2_submit_request(http2->session, NULL, fields, n, body_size ? &provider : NULL, NULL);
    if (stream < 0)
        return stream == NGHTTP2_ERR_NOMEM ? -ENOMEM : -EPIPE;
    http2->stream = stream;
    return 0;
}

/* Gather what the session has to say, once all of the last was sent. 0 or -ENOMEM. */
static int gather(struct http2 *http2) {
    if (http2->sent < http2->output.size)
        return 0;
    http2->sent = http2->output.size = 0;
    while (http2->output.size < OUTPUT_BYTES_MAX) {
        const uint8_t *data;
        ssize_t size = nghttp2_session_mem_send(http2->session, &data);
        if (size == 0)
            return 0;
        if (size < 0 || buffer_add(&http2->output, data, (size_t)size))
            return -ENOMEM;
    }
    return 0;
}

ssize_t http2_pending(struct http2 *http2, const char **ret) {
    int error = gather(http2);
    if (error)
        return error;
    *ret = http2->output.data + http2->sent;
    return (ssize_t)(http2->output.size - http2->sent);
}

void http2_sent(struct http2 *http2, size_t size) {
    http2->sent += size;
}

static enum response_result invalid(struct http2 *http2, const char *why) {
    if (!http2->response->why)
        http2->response->why = why;
    return RESPONSE_INVALID;
}

enum response_result http2_read(struct http2 *http2, const char *data, size_t size) {
    ssize_t used = nghttp2_session_mem_recv(http2->session, (const uint8_t *)data, size);
    if (used < 0)
        return invalid(http2, nghttp2_strerror((int)used));
    if (http2->ended && http2->error == NGHTTP2_NO_ERROR && http2->response->status >= 200) {
        http2->response->stage = RESPONSE_DONE;
        http2->response->keep_alive = nghttp2_session_check_request_allowed(http2->session);
        http2->ended = false;
        return RESPONSE_COMPLETE;
    }
    /* Only once it has said that it gives up, a session tells that it did. */
    if (http2->ended || gather(http2) || !nghttp2_session_want_read(http2->session))
        return invalid(http2, "this is no HTTP/2, or it is broken");
    return RESPONSE_PARTIAL;
}

const char *http2_reset(const struct http2 *http2, bool *ret_refused) {
    *ret_refused = http2->error == NGHTTP2_REFUSED_STREAM;
    return http2->ended && http2->error != NGHTTP2_NO_ERROR ? nghttp2_http2_strerror(http2->error) : NULL;
}
