#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* clang-format off */
#include <setjmp.h> /* cmocka.h needs these before it */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "load/request.h"

static void assert_request(const char *text, const char *const *headers, size_t n_headers, const char *expected) {
    struct request_form form = {.method = "GET", .headers = headers, .n_headers = n_headers};
    struct url url;
    char why[300];
    struct buffer request = BUFFER_INIT(REQUEST_HEAD_BYTES_MAX);
    assert_int_equal(url_parse(text, &url, why, sizeof why), 0);
    assert_int_equal(request_write(&url, &form, &request, why, sizeof why), 0);
    assert_string_equal(request.data, expected);
    buffer_done(&request);
}

static void request_has_host_and_agent_unless_given(void **state) {
    (void)state;
    assert_request("http://localhost", NULL, 0, "GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: piko\r\n\r\n");
    assert_request("http://[::1]:8080?x#y", NULL, 0,
                   "GET /?x HTTP/1.1\r\nHost: [::1]:8080\r\nUser-Agent: piko\r\n\r\n");
    const char *headers[] = {"host:other", "ACCEPT: text/html", "User-Agent:\t me \t", "X-Empty:", "Cookie: a=b; c=d"};
    assert_request("http://localhost:81/a?b", headers, 5,
                   "GET /a?b HTTP/1.1\r\nhost: other\r\nACCEPT: text/html\r\nUser-Agent: me\r\nX-Empty: \r\n"
                   "Cookie: a=b; c=d\r\n\r\n");
}

static void request_refuses_a_header_that_would_break_it(void **state) {
    (void)state;
    static const struct {
        const char *header, *why;
    } cases[] = {
        {"bad", "header \"bad\": write it as \"Name: value\""},
        {"", "write it as"},
        {": x", "write it as"},
        {"A b: x", "write it as"},
        {"A : x", "write it as"},
        {"A: x\r\nB: y", "header \"A: x…\": its value has a control character"},
        {"A: \x1b[31m", "control character"},
        {"Content-Length: 5", "the length of the body is added by itself"},
        {"transfer-encoding: chunked", "the length of the body is added by itself"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct request_form form = {.method = "GET", .headers = &cases[i].header, .n_headers = 1};
        char why[300];
        assert_int_equal(request_check(&form, why, sizeof why), -EINVAL);
        if (!strstr(why, cases[i].why))
            fail_msg("\"%s\" does not say \"%s\"", why, cases[i].why);
    }
}

static void request_says_how_long_its_body_is(void **state) {
    (void)state;
    struct request_form form = {.method = "PUT", .body = "hello", .body_size = 5};
    struct buffer request = BUFFER_INIT(REQUEST_HEAD_BYTES_MAX);
    struct url url;
    char why[300];
    assert_int_equal(url_parse("https://h:443/a", &url, why, sizeof why), 0);
    assert_int_equal(request_check(&form, why, sizeof why), 0);
    assert_int_equal(request_write(&url, &form, &request, why, sizeof why), 0);
    assert_string_equal(request.data, "PUT /a HTTP/1.1\r\nHost: h\r\nUser-Agent: piko\r\nContent-Length: 5\r\n\r\n");
    buffer_done(&request);
}

static void request_refuses_methods_that_are_none(void **state) {
    (void)state;
    static const char *const methods[] = {"",        "GET /",  "A B",
                                          "CONNECT", "X\r\nY", "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMN"};
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        char why[300] = "";
        assert_int_equal(request_check(&(struct request_form){.method = methods[i]}, why, sizeof why), -EINVAL);
        assert_non_null(strstr(why, "--method"));
    }
}

static void request_is_bounded(void **state) {
    (void)state;
    char *header = malloc(REQUEST_HEAD_BYTES_MAX + 1), why[300];
    memset(header, 'a', REQUEST_HEAD_BYTES_MAX);
    header[1] = ':';
    header[REQUEST_HEAD_BYTES_MAX] = '\0';
    struct url url;
    struct buffer request = BUFFER_INIT(REQUEST_HEAD_BYTES_MAX);
    assert_int_equal(url_parse("http://h/", &url, why, sizeof why), 0);
    struct request_form form = {.method = "GET", .headers = (const char *const *)&header, .n_headers = 1};
    assert_int_equal(request_write(&url, &form, &request, why, sizeof why), -EINVAL);
    assert_string_equal(why, "headers are larger than 64 KiB");
    buffer_done(&request);
    free(header);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(request_has_host_and_agent_unless_given),
        cmocka_unit_test(request_refuses_a_header_that_would_break_it),
        cmocka_unit_test(request_says_how_long_its_body_is),
        cmocka_unit_test(request_refuses_methods_that_are_none),
        cmocka_unit_test(request_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
