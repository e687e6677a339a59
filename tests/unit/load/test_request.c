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
    struct url url;
    char why[300];
    struct buffer request = BUFFER_INIT(REQUEST_BYTES_MAX);
    assert_int_equal(url_parse(text, &url, why, sizeof why), 0);
    assert_int_equal(request_write(&url, headers, n_headers, &request, why, sizeof why), 0);
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
        {"Content-Length: 5", "requests have no body"},
        {"transfer-encoding: chunked", "requests have no body"},
    };
    struct url url;
    char why[300];
    assert_int_equal(url_parse("http://h/", &url, why, sizeof why), 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buffer request = BUFFER_INIT(REQUEST_BYTES_MAX);
        assert_int_equal(request_write(&url, &cases[i].header, 1, &request, why, sizeof why), -EINVAL);
        if (!strstr(why, cases[i].why))
            fail_msg("\"%s\" does not say \"%s\"", why, cases[i].why);
        buffer_done(&request);
    }
}

static void request_is_bounded(void **state) {
    (void)state;
    char *header = malloc(REQUEST_BYTES_MAX + 1), why[300];
    memset(header, 'a', REQUEST_BYTES_MAX);
    header[1] = ':';
    header[REQUEST_BYTES_MAX] = '\0';
    struct url url;
    struct buffer request = BUFFER_INIT(REQUEST_BYTES_MAX);
    assert_int_equal(url_parse("http://h/", &url, why, sizeof why), 0);
    assert_int_equal(request_write(&url, (const char *const *)&header, 1, &request, why, sizeof why), -EINVAL);
    assert_string_equal(why, "headers are larger than 64 KiB");
    buffer_done(&request);
    free(header);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(request_has_host_and_agent_unless_given),
        cmocka_unit_test(request_refuses_a_header_that_would_break_it),
        cmocka_unit_test(request_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
