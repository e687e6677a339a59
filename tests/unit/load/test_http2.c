/* HTTP/2 against nghttp2's own server side, in memory: what goes in and comes out, also a byte at a time. */
#include <errno.h>
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load/http2.h"
#include "load/load.h"
#include "load/request.h"

/* clang-format off */
#include <setjmp.h> /* cmocka.h needs these before it */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#define BODY_BYTES 300000u

/* What the server does with a request, once it has all of it. */
static struct peer {
    nghttp2_session *session;
    int (*answer)(nghttp2_session *session, int32_t stream);
    char seen[4096]; /* fields of the last request, "name: value\n" each */
    size_t body;     /* bytes of its body */
    size_t to_send;  /* of the answer's body */
} peer;

static struct http2 *http2;
static struct response response;
static struct buffer head;
static char location[RESPONSE_LOCATION_BYTES];

static int see_field(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_size,
                     const uint8_t *value, size_t value_size, uint8_t flags, void *data) {
    (void)session, (void)frame, (void)flags, (void)data;
    size_t at = strlen(peer.seen);
    snprintf(peer.seen + at, sizeof peer.seen - at, "%.*s: %.*s\n", (int)name_size, (const char *)name, (int)value_size,
             (const char *)value);
    return 0;
}

static int see_data(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *bytes, size_t size,
                    void *data) {
    (void)session, (void)flags, (void)stream, (void)bytes, (void)data;
    peer.body += size;
    return 0;
}

static int see_frame(nghttp2_session *session, const nghttp2_frame *frame, void *data) {
    (void)data;
    bool request = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
    return request && frame->hd.flags & NGHTTP2_FLAG_END_STREAM ? peer.answer(session, frame->hd.stream_id) : 0;
}

static ssize_t give_body(nghttp2_session *session, int32_t stream, uint8_t *to, size_t room, uint32_t *flags,
                         nghttp2_data_source *source, void *data) {
    (void)session, (void)stream, (void)source, (void)data;
    size_t size = peer.to_send < room ? peer.to_send : room;
    memset(to, 'x', size);
    peer.to_send -= size;
    if (!peer.to_send)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)size;
}

#define FIELD(n, v)                                                                                                    \
    { (uint8_t *)(uintptr_t)(n), (uint8_t *)(uintptr_t)(v), strlen(n), strlen(v), NGHTTP2_NV_FLAG_NONE }

static int answer_with_body(nghttp2_session *session, int32_t stream) {
    const nghttp2_nv early[] = {FIELD(":status", "103"), FIELD("location", "/early")};
    const nghttp2_nv fields[] = {FIELD(":status", "302"), FIELD("location", "/x"), FIELD("server", "test")};
    nghttp2_data_provider body = {.read_callback = give_body};
    peer.to_send = BODY_BYTES;
    nghttp2_submit_headers(session, NGHTTP2_FLAG_NONE, stream, NULL, early, 2, NULL);
    return nghttp2_submit_response(session, stream, fields, 3, &body);
}

static int answer_with_reset(nghttp2_session *session, int32_t stream) {
    return nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, stream, NGHTTP2_INTERNAL_ERROR);
}

static int answer_with_refusal(nghttp2_session *session, int32_t stream) {
    return nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, stream, NGHTTP2_REFUSED_STREAM);
}

static int answer_and_go_away(nghttp2_session *session, int32_t stream) {
    const nghttp2_nv fields[] = {FIELD(":status", "200")};
    nghttp2_submit_goaway(session, NGHTTP2_FLAG_NONE, stream, NGHTTP2_NO_ERROR, NULL, 0);
    return nghttp2_submit_response(session, stream, fields, 1, NULL);
}

static int answer_with_300_fields(nghttp2_session *session, int32_t stream) {
    nghttp2_nv fields[300] = {FIELD(":status", "200")};
    for (size_t i = 1; i < 300; i++)
        fields[i] = (nghttp2_nv)FIELD("x", "y");
    return nghttp2_submit_response(session, stream, fields, 300, NULL);
}

static void start(int (*answer)(nghttp2_session *session, int32_t stream)) {
    nghttp2_session_callbacks *callbacks;
    memset(&peer, 0, sizeof peer);
    peer.answer = answer;
    assert_int_equal(nghttp2_session_callbacks_new(&callbacks), 0);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, see_field);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, see_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, see_frame);
    assert_int_equal(nghttp2_session_server_new(&peer.session, callbacks, NULL), 0);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_submit_settings(peer.session, NGHTTP2_FLAG_NONE, NULL, 0);
    assert_int_equal(http2_new(&response, &http2), 0);
}

static void stop(void) {
    http2_free(http2);
    nghttp2_session_del(peer.session);
    buffer_done(&head);
}

static void begin(const struct request_form *form) {
    struct url url;
    char why[300] = "";
    assert_int_equal(url_parse("http://host:81/a?b", &url, why, sizeof why), 0);
    buffer_done(&head);
    if (request_write(&url, form, &head, why, sizeof why))
        fail_msg("%s", why);
    *peer.seen = '\0';
    peer.body = 0;
    response_begin(&response, /* of_head= */ false, location);
}

static int send_begun(const struct request_form *form) {
    return http2_begin(http2, &head, form->body, form->body_size);
}

static void to_peer(void) {
    const char *data;
    for (ssize_t size; (size = http2_pending(http2, &data)) > 0; http2_sent(http2, (size_t)size))
        if (nghttp2_session_mem_recv(peer.session, (const uint8_t *)data, (size_t)size) < 0)
            return;
}

/* Exchange until the response is whole or wrong; `piece` bytes at a time. */
static enum response_result exchange(size_t piece) {
    enum response_result result = RESPONSE_PARTIAL;
    for (int rounds = 0; rounds < 100; rounds++) {
        to_peer();
        const uint8_t *data;
        ssize_t size = nghttp2_session_mem_send(peer.session, &data);
        for (ssize_t at = 0; at < size && result == RESPONSE_PARTIAL; at += (ssize_t)piece)
            result =
                http2_read(http2, (const char *)data + at, (size_t)(size - at) < piece ? (size_t)(size - at) : piece);
        if (result != RESPONSE_PARTIAL)
            return result;
    }
    return result;
}

static void http2_reads_responses_in_pieces_of_any_size(void **state) {
    (void)state;
    const struct request_form form = {.http2 = true, .method = "GET"};
    const size_t pieces[] = {1, 2, 7, 1000, 1 << 20};
    start(answer_with_body);
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        begin(&form);
        assert_int_equal(send_begun(&form), 0);
        assert_int_equal(exchange(pieces[i]), RESPONSE_COMPLETE);
        assert_int_equal(response.status, 302);
        assert_int_equal(response.body_bytes, BODY_BYTES);
        assert_string_equal(location, "/x");
        assert_true(response.keep_alive);
    }
    stop();
}

static void http2_sends_fields_and_body(void **state) {
    (void)state;
    static char body[BODY_BYTES];
    const char *headers[] = {"X-One: 1", "Cookie:a=b ", "Connection: close"};
    struct request_form form = {
        .http2 = true, .method = "PUT", .body = body, .body_size = sizeof body, .headers = headers, .n_headers = 3};
    start(answer_with_body);
    begin(&form);
    assert_int_equal(send_begun(&form), 0);
    assert_int_equal(exchange(1 << 20), RESPONSE_COMPLETE);
    assert_string_equal(peer.seen, ":method: PUT\n:scheme: http\n:authority: host:81\n:path: /a?b\nuser-agent: piko\n"
                                   "x-one: 1\ncookie: a=b\ncontent-length: 300000\n");
    assert_int_equal(peer.body, sizeof body);
    headers[0] = "Host: other";
    begin(&form);
    assert_int_equal(send_begun(&form), 0);
    assert_int_equal(exchange(1 << 20), RESPONSE_COMPLETE);
    assert_non_null(strstr(peer.seen, ":authority: other\n"));
    assert_null(strstr(peer.seen, "host"));
    stop();
}

static void http2_tells_a_request_that_was_given_up_from_one_that_was_refused(void **state) {
    (void)state;
    const struct request_form form = {.http2 = true, .method = "GET"};
    for (int i = 0; i < 2; i++) {
        bool refused;
        start(i ? answer_with_refusal : answer_with_reset);
        begin(&form);
        assert_int_equal(send_begun(&form), 0);
        assert_int_equal(exchange(1 << 20), RESPONSE_INVALID);
        assert_string_equal(http2_reset(http2, &refused), i ? "REFUSED_STREAM" : "INTERNAL_ERROR");
        assert_int_equal(refused, i);
        stop();
    }
}

static void http2_takes_no_more_requests_after_goaway(void **state) {
    (void)state;
    const struct request_form form = {.http2 = true, .method = "GET"};
    start(answer_and_go_away);
    begin(&form);
    assert_int_equal(send_begun(&form), 0);
    assert_int_equal(exchange(1 << 20), RESPONSE_COMPLETE);
    assert_int_equal(response.status, 200);
    assert_false(response.keep_alive);
    begin(&form);
    assert_int_equal(send_begun(&form), -EPIPE);
    stop();
}

static void http2_refuses_what_is_too_much_or_something_else(void **state) {
    (void)state;
    const struct request_form form = {.http2 = true, .method = "GET"};
    start(answer_with_300_fields);
    begin(&form);
    assert_int_equal(send_begun(&form), 0);
    assert_int_equal(exchange(1 << 20), RESPONSE_INVALID);
    assert_string_equal(response.why, "more than 256 header fields");
    stop();

    static const char other[] = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
    start(answer_with_body);
    begin(&form);
    assert_int_equal(send_begun(&form), 0);
    assert_int_equal(http2_read(http2, other, sizeof other - 1), RESPONSE_INVALID);
    assert_non_null(response.why);
    stop();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(http2_reads_responses_in_pieces_of_any_size),
        cmocka_unit_test(http2_sends_fields_and_body),
        cmocka_unit_test(http2_tells_a_request_that_was_given_up_from_one_that_was_refused),
        cmocka_unit_test(http2_takes_no_more_requests_after_goaway),
        cmocka_unit_test(http2_refuses_what_is_too_much_or_something_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
