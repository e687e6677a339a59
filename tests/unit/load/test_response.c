#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* clang-format off */
#include <setjmp.h> /* cmocka.h needs these before it */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "load/load.h"
#include "load/response.h"

/* Input is put right before a page that can't be read: a byte too far is a crash. */
#define ROOM (256u << 10)
static char *guard;

static int map_guard(void **state) {
    (void)state;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *map = mmap(NULL, ROOM + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED || mprotect(map + ROOM, page, PROT_NONE))
        return -1;
    guard = map + ROOM;
    return 0;
}

/* What a connection does: unused bytes come again, before the new ones. */
struct feeder {
    struct response response;
    size_t kept;
    size_t used;
    char keep[ROOM];
};
static struct feeder feeder;

static void begin(void) {
    response_begin(&feeder.response, /* of_head= */ false, /* location= */ NULL);
    feeder.kept = feeder.used = 0;
}

static enum response_result feed(const char *data, size_t size) {
    char *at = guard - feeder.kept - size;
    memcpy(at, feeder.keep, feeder.kept);
    memcpy(guard - size, data, size);
    size_t used = SIZE_MAX, all = feeder.kept + size;
    enum response_result result = response_read(&feeder.response, at, all, &used);
    assert_true(used <= all);
    feeder.used += used;
    feeder.kept = all - used;
    memcpy(feeder.keep, at + used, feeder.kept);
    return result;
}

struct valid {
    const char *text;
    unsigned status;
    unsigned body;
    bool keep_alive;
    bool to_close; /* ends when the peer closes */
};

#define OK "HTTP/1.1 200 OK\r\n"
#define CHUNKED "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

static const struct valid valid[] = {
    {OK "Content-Length: 5\r\n\r\nhello", 200, 5, true, false},
    {OK "Content-Length: 0\r\n\r\n", 200, 0, true, false},
    {OK "content-LENGTH:  \t5 \t \r\n\r\nhello", 200, 5, true, false},
    {"HTTP/1.1 200\r\nContent-Length:5\r\n\r\nhello", 200, 5, true, false},
    {"HTTP/1.1 404 \r\nContent-Length: 1\r\n\r\nx", 404, 1, true, false},
    {"HTTP/1.1 500 Gr\xc3\xb6\xc3\x9f"
     "e\r\nContent-Length: 1\r\n\r\nx",
     500, 1, true, false},
    {"HTTP/1.1 200 OK\nContent-Length: 2\n\nhi", 200, 2, true, false},
    {OK "Connection: close\r\nContent-Length: 2\r\n\r\nhi", 200, 2, false, false},
    {OK "Connection: upgrade , Close\r\nContent-Length: 2\r\n\r\nhi", 200, 2, false, false},
    {OK "Connection: closed\r\nContent-Length: 2\r\n\r\nhi", 200, 2, true, false},
    {"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", 200, 2, false, false},
    {"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 2\r\n\r\nhi", 200, 2, true, false},
    {"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi", 200, 2, false,
     false},
    {OK "\r\nuntil the end", 200, 13, false, true},
    {"HTTP/1.0 200 OK\r\n\r\n", 200, 0, false, true},
    {OK "Transfer-Encoding: gzip\r\n\r\nxyz", 200, 3, false, true},
    {CHUNKED "5\r\nhello\r\n0\r\n\r\n", 200, 5, true, false},
    {CHUNKED "0\r\n\r\n", 200, 0, true, false},
    {CHUNKED "00a\r\n0123456789\r\n1\r\n\n\r\n0\r\n\r\n", 200, 11, true, false},
    {CHUNKED "A;name=value;x=\"a b\"\r\n0123456789\r\n2 \t\r\n\r\n\r\n000;last\r\n\r\n", 200, 12, true, false},
    {CHUNKED "1\r\nx\r\n0\r\nTrailer: yes\r\nContent-Length: 7\r\n\r\n", 200, 1, true, false},
    {OK "Transfer-Encoding: gzip, chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", 200, 1, true, false},
    {OK "Transfer-Encoding: gzip\r\nTransfer-Encoding: ,Chunked,\r\n\r\n1\r\nx\r\n0\r\n\r\n", 200, 1, true, false},
    {"HTTP/1.1 100 Continue\r\n\r\n" OK "Content-Length: 2\r\n\r\nhi", 200, 2, true, false},
    {"HTTP/1.1 103 Early\r\nLink: </a>\r\nConnection: close\r\n\r\nHTTP/1.1 102 \r\n\r\n" CHUNKED "0\r\n\r\n", 200, 0,
     true, false},
    {"HTTP/1.1 204 No Content\r\n\r\n", 204, 0, true, false},
    {"HTTP/1.1 304 Not Modified\r\nContent-Length: 1000\r\n\r\n", 304, 0, true, false},
    {"HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n", 304, 0, true, false},
    {OK "X: a\r\n folded\r\n\t again\r\nContent-Length: 1\r\n\r\nx", 200, 1, true, false},
    {OK "!#$%&'*+-.^_`|~09azAZ: odd\r\nContent-Length: 1\r\nEmpty:\r\n\r\nx", 200, 1, true, false},
    {OK "Content-Length: 1\r\n\r\n\r", 200, 1, true, false},
};
#define N_VALID (sizeof valid / sizeof valid[0])

static void assert_whole(const struct valid *one, enum response_result result) {
    if (one->to_close) {
        assert_int_equal(result, RESPONSE_PARTIAL);
        result = response_end(&feeder.response);
    }
    if (result != RESPONSE_COMPLETE)
        fail_msg("%s: %d %s", one->text, result, feeder.response.why);
    assert_int_equal(feeder.used, strlen(one->text));
    assert_int_equal(feeder.response.status, one->status);
    assert_int_equal(feeder.response.body_bytes, one->body);
    assert_int_equal(feeder.response.keep_alive, one->keep_alive);
}

static void response_of_every_form_is_read_whole(void **state) {
    (void)state;
    for (size_t i = 0; i < N_VALID; i++) {
        begin();
        assert_whole(&valid[i], feed(valid[i].text, strlen(valid[i].text)));
    }
}

static void response_is_partial_at_every_prefix(void **state) {
    (void)state;
    for (size_t i = 0; i < N_VALID; i++) {
        for (size_t size = 0; size < strlen(valid[i].text); size++) {
            begin();
            if (feed(valid[i].text, size) != RESPONSE_PARTIAL)
                fail_msg("%s: not partial after %zu bytes", valid[i].text, size);
        }
    }
}

static void response_is_the_same_however_it_is_split(void **state) {
    (void)state;
    for (size_t i = 0; i < N_VALID; i++) {
        size_t size = strlen(valid[i].text);
        for (size_t split = 0; split <= size; split++) {
            begin();
            enum response_result result = feed(valid[i].text, split);
            assert_whole(&valid[i], split < size ? feed(valid[i].text + split, size - split) : result);
        }
        begin();
        enum response_result result = RESPONSE_PARTIAL;
        for (size_t at = 0; at < size; at++)
            result = feed(valid[i].text + at, 1);
        assert_whole(&valid[i], result);
    }
}

static void response_leaves_what_comes_after_it(void **state) {
    (void)state;
    for (size_t i = 0; i < N_VALID; i++) {
        if (valid[i].to_close)
            continue;
        char text[1000];
        snprintf(text, sizeof text, "%sHTTP/1.1 200", valid[i].text);
        begin();
        assert_whole(&valid[i], feed(text, strlen(text)));
        assert_int_equal(feed("", 0), RESPONSE_COMPLETE);
    }
}

static void response_cut_by_a_close_is_invalid(void **state) {
    (void)state;
    for (size_t i = 0; i < N_VALID; i++) {
        const char *body = strstr(valid[i].text, "\r\n\r\n");
        size_t end = valid[i].to_close && body ? (size_t)(body - valid[i].text) + 4 : strlen(valid[i].text);
        for (size_t size = 0; size < end; size++) {
            begin();
            assert_int_equal(feed(valid[i].text, size), RESPONSE_PARTIAL);
            assert_int_equal(response_end(&feeder.response), RESPONSE_INVALID);
        }
    }
}

static const struct {
    const char *text, *why;
} wrong[] = {
    {"SSH-2.0-OpenSSH_9", "not an HTTP/1 response"},
    {"HTTP/2 200\r\n", "not an HTTP/1 response"},
    {"\r\nHTTP/1.1 200 OK\r\n", "not an HTTP/1 response"},
    {"h", "not an HTTP/1 response"},
    {"HTTP/1.1\r\n", "malformed status line"},
    {"HTTP/1.1 20\r\n", "malformed status line"},
    {"HTTP/1.1 2000 OK\r\n", "malformed status line"},
    {"HTTP/1.x 200 OK\r\n", "malformed status line"},
    {"HTTP/1.1  200 OK\r\n", "malformed status line"},
    {"HTTP/1.1 200 O\rK\r\n", "malformed status line"},
    {"HTTP/1.1 099 OK\r\n", "status is not between"},
    {"HTTP/1.1 600 OK\r\n", "status is not between"},
    {"HTTP/1.1 101 Switching Protocols\r\n", "status 101"},
    {OK "no colon\r\n", "malformed header field"},
    {OK ": no name\r\n", "malformed header field"},
    {OK "Blank : x\r\n", "malformed header field"},
    {OK " folded at once\r\n", "malformed header field"},
    {OK "Content-Length: 1\r\n 2\r\n", "malformed header field"},
    {OK "X: y\r\nContent-Length: 1\r\n 2\r\n", "malformed header field"},
    {OK "Transfer-Encoding:\r\n chunked\r\n", "malformed header field"},
    {OK "X: a\r\n b\x01\r\n", "control character"},
    {OK "X: a\rb\r\n", "control character"},
    {OK "X: a\x7f\r\n", "control character"},
    {OK "Content-Length: -1\r\n", "Content-Length is not a number"},
    {OK "Content-Length: +1\r\n", "Content-Length is not a number"},
    {OK "Content-Length: 1 2\r\n", "Content-Length is not a number"},
    {OK "Content-Length: 5, 5\r\n", "Content-Length is not a number"},
    {OK "Content-Length: 0x5\r\n", "Content-Length is not a number"},
    {OK "Content-Length:\r\n", "Content-Length is empty"},
    {OK "Content-Length: 9223372036854775808\r\n", "Content-Length is too large"},
    {OK "Content-Length: 99999999999999999999999\r\n", "Content-Length is too large"},
    {OK "Content-Length: 5\r\nContent-Length: 6\r\n", "more than one Content-Length"},
    {OK "Content-Length: 5\r\nContent-Length: 5\r\n", "more than one Content-Length"},
    {OK "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", "both"},
    {OK "Transfer-Encoding: identity\r\nContent-Length: 5\r\n\r\n", "both"},
    {OK "Transfer-Encoding: chunked, chunked\r\n", "goes on after chunked"},
    {OK "Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n", "goes on after chunked"},
    {OK "Transfer-Encoding: \"chunked\"\r\n", "malformed Transfer-Encoding"},
    {OK "Transfer-Encoding: x@y\r\n", "malformed Transfer-Encoding"},
    {"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "in HTTP/1.0"},
    {CHUNKED "\r\n", "malformed chunk size"},
    {CHUNKED "x\r\n", "malformed chunk size"},
    {CHUNKED "-1\r\n", "malformed chunk size"},
    {CHUNKED "0x5\r\n", "malformed chunk size"},
    {CHUNKED "5 5\r\n", "malformed chunk size"},
    {CHUNKED "5;\x01\r\n", "malformed chunk size"},
    {CHUNKED "10000000000000000\r\n", "chunk is too large"},
    {CHUNKED "1\r\nxy", "chunk is longer than its size"},
    {CHUNKED "1\r\nx\ry", "chunk is longer than its size"},
    {CHUNKED "0\r\nno colon\r\n", "malformed header field"},
    {"HTTP/1.1 100 Continue\r\n\r\nHELLO", "not an HTTP/1 response"},
};

static void response_that_is_wrong_is_refused_at_once_and_for_good(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        size_t size = strlen(wrong[i].text);
        begin();
        enum response_result result = RESPONSE_PARTIAL;
        for (size_t at = 0; at < size && result == RESPONSE_PARTIAL; at++)
            result = feed(wrong[i].text + at, 1);
        if (result != RESPONSE_INVALID || !strstr(feeder.response.why, wrong[i].why))
            fail_msg("%s: %d, \"%s\" does not say \"%s\"", wrong[i].text, result, feeder.response.why, wrong[i].why);
        assert_int_equal(feed("\r\n", 2), RESPONSE_INVALID);
        begin();
        assert_int_equal(feed(wrong[i].text, size), RESPONSE_INVALID);
    }
}

static void response_with_a_nul_byte_in_its_head_is_refused(void **state) {
    (void)state;
    begin();
    assert_int_equal(feed(OK "X: a\0b\r\n", sizeof OK "X: a\0b\r\n" - 1), RESPONSE_INVALID);
    begin();
    assert_int_equal(feed(OK "X\0: b\r\n", sizeof OK "X\0: b\r\n" - 1), RESPONSE_INVALID);
}

/* A head of exactly `size` bytes in as many fields. */
static size_t write_head(char *text, unsigned fields, size_t size) {
    size_t at = (size_t)sprintf(text, OK "Content-Length: 0\r\n");
    for (unsigned i = 2; i < fields; i++)
        at += (size_t)sprintf(text + at, "X: y\r\n");
    at += (size_t)sprintf(text + at, "Long: ");
    while (at < size - 4)
        text[at++] = 'z';
    return at + (size_t)sprintf(text + at, "\r\n\r\n");
}

static void response_head_is_bounded_in_bytes_and_fields(void **state) {
    (void)state;
    static char text[ROOM / 2];
    size_t size = write_head(text, LOAD_FIELDS_MAX, LOAD_HEAD_BYTES_MAX);
    assert_int_equal(size, LOAD_HEAD_BYTES_MAX);
    begin();
    assert_int_equal(feed(text, size), RESPONSE_COMPLETE);
    begin();
    assert_int_equal(feed(text, write_head(text, 3, LOAD_HEAD_BYTES_MAX + 1)), RESPONSE_INVALID);
    assert_string_equal(feeder.response.why, "head is over 64 KiB");
    begin();
    assert_int_equal(feed(text, write_head(text, LOAD_FIELDS_MAX + 1, 8000)), RESPONSE_INVALID);
    assert_string_equal(feeder.response.why, "more than 256 header fields");
    begin();
    enum response_result result;
    do
        result = feed("HTTP/1.1 103 Early\r\nA: b\r\nC: d\r\n\r\n", 34);
    while (result == RESPONSE_PARTIAL && feeder.used < LOAD_HEAD_BYTES_MAX);
    assert_string_equal(feeder.response.why, "more than 256 header fields");
}

static void response_head_without_an_end_is_refused_at_the_limit(void **state) {
    (void)state;
    begin();
    assert_int_equal(feed(OK "X: ", strlen(OK "X: ")), RESPONSE_PARTIAL);
    enum response_result result = RESPONSE_PARTIAL;
    size_t fed = strlen(OK "X: ");
    for (; result == RESPONSE_PARTIAL && fed < ROOM; fed += 64)
        result = feed("zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz", 64);
    assert_int_equal(result, RESPONSE_INVALID);
    assert_in_range(fed, LOAD_HEAD_BYTES_MAX, LOAD_HEAD_BYTES_MAX + 64);
    begin();
    do
        result = feed("HTTP/1.1 100 Continue\r\n\r\n", 25);
    while (result == RESPONSE_PARTIAL && feeder.used < ROOM);
    assert_int_equal(result, RESPONSE_INVALID);
}

static void response_chunk_line_and_trailers_are_bounded(void **state) {
    (void)state;
    static char text[ROOM / 2];
    size_t at = (size_t)sprintf(text, CHUNKED "1;");
    memset(text + at, 'e', RESPONSE_CHUNK_LINE_MAX);
    begin();
    assert_int_equal(feed(text, at + RESPONSE_CHUNK_LINE_MAX), RESPONSE_INVALID);
    assert_string_equal(feeder.response.why, "chunk size line is over 4 KiB");
    at = (size_t)sprintf(text, CHUNKED "0\r\n");
    for (unsigned i = 0; i < LOAD_FIELDS_MAX; i++)
        at += (size_t)sprintf(text + at, "T: y\r\n");
    begin();
    assert_int_equal(feed(text, at), RESPONSE_INVALID);
}

static void response_counts_a_body_larger_than_memory(void **state) {
    (void)state;
    begin();
    const char *head = OK "Content-Length: 9223372036854775807\r\n\r\n";
    assert_int_equal(feed(head, strlen(head)), RESPONSE_PARTIAL);
    assert_int_equal(feed("xxxx", 4), RESPONSE_PARTIAL);
    assert_int_equal(feeder.response.body_bytes, 4);
    assert_int_equal(response_end(&feeder.response), RESPONSE_INVALID);
}

static void response_to_head_has_no_body(void **state) {
    (void)state;
    static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n";
    struct response response;
    size_t used;
    response_begin(&response, /* of_head= */ true, /* location= */ NULL);
    assert_int_equal(response_read(&response, text, sizeof text - 1, &used), RESPONSE_COMPLETE);
    assert_int_equal(used, sizeof text - 1);
    assert_true(response.keep_alive);
}

static void response_gives_the_location_of_the_final_head(void **state) {
    (void)state;
    static const char text[] = "HTTP/1.1 103 Early\r\nLocation: /early\r\n\r\n"
                               "HTTP/1.1 302 Found\r\nlocation: \t/x?y \r\nContent-Length: 0\r\n\r\n";
    static char location[RESPONSE_LOCATION_BYTES], longer[RESPONSE_LOCATION_BYTES + 100];
    struct response response;
    size_t used;
    response_begin(&response, /* of_head= */ false, location);
    assert_int_equal(response_read(&response, text, sizeof text - 1, &used), RESPONSE_COMPLETE);
    assert_string_equal(location, "/x?y");

    memset(longer, 'x', sizeof longer);
    memcpy(longer, "HTTP/1.1 302 Found\r\nLocation: ", 30);
    response_begin(&response, /* of_head= */ false, location);
    response_read(&response, longer, sizeof longer, &used);
    response_read(&response, "\n", 1, &used);
    assert_string_equal(location, ""); /* too long: none, and nothing is written beyond its end */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(response_of_every_form_is_read_whole),
        cmocka_unit_test(response_is_partial_at_every_prefix),
        cmocka_unit_test(response_to_head_has_no_body),
        cmocka_unit_test(response_gives_the_location_of_the_final_head),
        cmocka_unit_test(response_is_the_same_however_it_is_split),
        cmocka_unit_test(response_leaves_what_comes_after_it),
        cmocka_unit_test(response_cut_by_a_close_is_invalid),
        cmocka_unit_test(response_that_is_wrong_is_refused_at_once_and_for_good),
        cmocka_unit_test(response_with_a_nul_byte_in_its_head_is_refused),
        cmocka_unit_test(response_head_is_bounded_in_bytes_and_fields),
        cmocka_unit_test(response_head_without_an_end_is_refused_at_the_limit),
        cmocka_unit_test(response_chunk_line_and_trailers_are_bounded),
        cmocka_unit_test(response_counts_a_body_larger_than_memory),
    };
    return cmocka_run_group_tests(tests, map_guard, NULL);
}
