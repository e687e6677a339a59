/* What clients rely on, request by request, over real connections. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* clang-format off */
#include <setjmp.h> /* cmocka.h needs these before it */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "base/buffer.h"
#include "base/clock.h"
#include "profile/profile.h"
#include "site.h"

#define PPROF "/_piko/debug/pprof/"
#define TEXT "text/plain; charset=utf-8"
#define BYTES "application/octet-stream"
#define ANSWER_WAIT_MS 10000

static struct site site;

static int setup(void **unused) {
    (void)unused;
    return site_start(&site);
}

static int teardown(void **unused) {
    (void)unused;
    site_stop(&site);
    return 0;
}

/* ---- A client ---------------------------------------------------------------------------------------------------- */

static int dial(void) {
    const struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(site.port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static void send_request(int fd, const char *method, const char *path, const char *body) {
    struct buffer request = BUFFER_INIT(0);
    buffer_printf(&request, "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n", method, path);
    if (body)
        buffer_printf(&request, "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %zu\r\n",
                      strlen(body));
    buffer_printf(&request, "\r\n%s", body ? body : "");
    assert_int_equal(send(fd, request.data, request.size, MSG_NOSIGNAL), (ssize_t)request.size);
    buffer_done(&request);
}

/* Everything up to the end of the connection. */
static void receive(int fd, struct buffer *ret) {
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    while (poll(&ready, 1, ANSWER_WAIT_MS) == 1) {
        char *end = buffer_reserve(ret, 65536);
        assert_non_null(end);
        ssize_t n = read(fd, end, 65536);
        if (n <= 0)
            break;
        ret->size += (size_t)n;
    }
    buffer_add(ret, "", 0);
    close(fd);
}

struct reply {
    struct buffer raw;
    int status;
    const char *body;
    size_t body_size;
};

static struct reply ask(const char *method, const char *path, const char *body) {
    struct reply reply = {.raw = BUFFER_INIT(0)};
    int fd = dial();
    send_request(fd, method, path, body);
    receive(fd, &reply.raw);
    char *end = reply.raw.size ? strstr(reply.raw.data, "\r\n\r\n") : NULL;
    if (!end || sscanf(reply.raw.data, "HTTP/1.1 %d ", &reply.status) != 1) {
        fail_msg("no answer to %s %s", method, path);
        abort();
    }
    end[2] = '\0';
    reply.body = end + 4;
    reply.body_size = reply.raw.size - (size_t)(reply.body - reply.raw.data);
    return reply;
}

static void reply_done(struct reply *reply) {
    buffer_done(&reply->raw);
}

static bool has_header(const struct reply *reply, const char *name, const char *value) {
    char line[256];
    snprintf(line, sizeof(line), "\r\n%s: %s\r\n", name, value);
    return strstr(reply->raw.data, line) != NULL;
}

static bool has_field(const struct reply *reply, const char *name) {
    char start[64];
    snprintf(start, sizeof(start), "\r\n%s:", name);
    return strstr(reply->raw.data, start) != NULL;
}

static struct profile *decode(const struct reply *reply, bool is_diff) {
    struct profile *profile = NULL;
    char why[256] = "";
    if (profile_decode(reply->body, reply->body_size, &profile, why, sizeof(why)) ||
        profile_check(profile, is_diff, why, sizeof(why))) {
        fail_msg("no valid profile: %s", why);
        abort();
    }
    return profile;
}

/* ---- The table --------------------------------------------------------------------------------------------------- */

struct row {
    const char *method, *path, *body;
    int status;
    const char *type, *file; /* of Content-Disposition; NULL = there must be none */
    const char *content;     /* the whole body; NULL = not looked at */
    bool go_pprof;
};

#define BAD_SECONDS "invalid value for \"seconds\" - must be a positive integer\n"
#define LARGE_SECONDS "invalid value for \"seconds\" - must be at most 3600\n"
#define BAD_HZ "invalid value for \"hz\" - must be an integer from 1 to 1000\n"
#define NOT_FOUND "404 page not found\n"

static const struct row rows[] = {
    {"GET", PPROF, NULL, 200, "text/html; charset=utf-8", NULL, NULL, false},
    {"GET", PPROF "heap", NULL, 200, BYTES, "heap", NULL, false},
    {"GET", PPROF "allocs", NULL, 200, BYTES, "allocs", NULL, false},
    {"GET", PPROF "goroutine", NULL, 200, BYTES, "goroutine", NULL, false},
    {"GET", PPROF "block", NULL, 200, BYTES, "block", NULL, false},
    {"GET", PPROF "mutex", NULL, 200, BYTES, "mutex", NULL, false},
    {"GET", PPROF "threadcreate", NULL, 200, BYTES, "threadcreate", NULL, false},
    {"GET", PPROF "heap?debug=1", NULL, 200, TEXT, NULL, NULL, false},
    {"GET", PPROF "heap?debug=2", NULL, 200, TEXT, NULL, NULL, false},
    {"GET", PPROF "heap?debug=-1", NULL, 200, TEXT, NULL, NULL, false},
    {"GET", PPROF "heap?debug=99999999999999999999", NULL, 200, TEXT, NULL, NULL, false},
    {"GET", PPROF "heap?debug=abc", NULL, 200, BYTES, "heap", NULL, false},
    {"GET", PPROF "heap?Debug=1", NULL, 200, BYTES, "heap", NULL, false},
    {"GET", PPROF "heap?gc=1", NULL, 200, BYTES, "heap", NULL, false},
    {"GET", PPROF "heap?seconds=", NULL, 200, BYTES, "heap", NULL, false},
    {"GET", PPROF "heap?seconds=0", NULL, 400, TEXT, NULL, BAD_SECONDS, true},
    {"GET", PPROF "heap?seconds=-1", NULL, 400, TEXT, NULL, BAD_SECONDS, true},
    {"GET", PPROF "block?seconds=abc", NULL, 400, TEXT, NULL, BAD_SECONDS, true},
    {"GET", PPROF "mutex?seconds=1.5", NULL, 400, TEXT, NULL, BAD_SECONDS, true},
    {"GET", PPROF "mutex?seconds=1%20", NULL, 400, TEXT, NULL, BAD_SECONDS, true},
    {"GET", PPROF "heap?seconds=3601", NULL, 400, TEXT, NULL, LARGE_SECONDS, true},
    {"GET", PPROF "heap?seconds=99999999999999999999", NULL, 400, TEXT, NULL, LARGE_SECONDS, true},
    {"GET", PPROF "goroutine?seconds=1&debug=1", NULL, 400, TEXT, NULL, "seconds and debug params are incompatible\n",
     true},
    {"GET", PPROF "profile?seconds=3601", NULL, 400, TEXT, NULL, LARGE_SECONDS, true},
    {"GET", PPROF "profile?seconds=9223372036854775807", NULL, 400, TEXT, NULL, LARGE_SECONDS, true},
    {"GET", PPROF "profile?seconds=9223372036854775808", NULL, 400, TEXT, NULL, LARGE_SECONDS, true},
    {"GET", PPROF "profile?hz=0", NULL, 400, TEXT, NULL, BAD_HZ, true},
    {"GET", PPROF "profile?hz=1001", NULL, 400, TEXT, NULL, BAD_HZ, true},
    {"GET", PPROF "profile?hz=x", NULL, 400, TEXT, NULL, BAD_HZ, true},
    {"GET", PPROF "trace?format=1.21", NULL, 400, TEXT, NULL,
     "invalid value for \"format\" - must be 1.22, 1.23, 1.25, 1.26 or perfetto\n", true},
    {"GET", PPROF "nothing", NULL, 404, TEXT, NULL, "Unknown profile\n", true},
    {"GET", PPROF "heap/x", NULL, 404, TEXT, NULL, "Unknown profile\n", true},
    {"GET", PPROF "heap/", NULL, 404, TEXT, NULL, "Unknown profile\n", true},
    {"GET", PPROF "goroutineleak", NULL, 404, TEXT, NULL, "Unknown profile\n", true},
    {"POST", PPROF "heap", "seconds=-1", 400, TEXT, NULL, BAD_SECONDS, true},
    {"POST", PPROF "heap?seconds=1", "seconds=abc", 400, TEXT, NULL, BAD_SECONDS, true},
    {"POST", PPROF "heap", "debug=1", 200, TEXT, NULL, NULL, false},
    {"POST", PPROF "mutex", NULL, 200, BYTES, "mutex", NULL, false},
    {"DELETE", PPROF "mutex", NULL, 200, BYTES, "mutex", NULL, false},
    {"GET", PPROF "symbol", NULL, 200, TEXT, NULL, "num_symbols: 1\n", false},
    {"GET", PPROF "symbol?0x1+zzz++", NULL, 200, TEXT, NULL, "num_symbols: 1\n", false},
    {"HEAD", PPROF, NULL, 200, "text/html; charset=utf-8", NULL, "", false},
    {"HEAD", PPROF "heap", NULL, 200, BYTES, "heap", "", false},
    {"HEAD", PPROF "heap?seconds=30", NULL, 200, BYTES, "heap-delta", "", false},
    {"HEAD", PPROF "heap?seconds=x", NULL, 400, TEXT, NULL, "", true},
    {"HEAD", PPROF "profile?seconds=30", NULL, 200, BYTES, "profile", "", false},
    {"HEAD", PPROF "cmdline", NULL, 200, TEXT, NULL, "", false},
    {"HEAD", PPROF "symbol", NULL, 200, TEXT, NULL, "", false},
    {"HEAD", "/_piko/profiler/status", NULL, 200, "application/json", NULL, "", false},
    {"HEAD", "/_piko/profiler/trace/recent", NULL, 404, TEXT, NULL, "", false},
    {"GET", "/_piko/profiler/trace/recent", NULL, 404, TEXT, NULL, "rolling trace capture is not enabled\n", false},
    {"POST", "/_piko/profiler/trace/recent", NULL, 405, TEXT, NULL, "method not allowed\n", false},
    {"POST", "/_piko/profiler/status", NULL, 405, TEXT, NULL, "method not allowed\n", false},
    {"GET", "/", NULL, 404, TEXT, NULL, NOT_FOUND, false},
    {"GET", "/_piko/", NULL, 404, TEXT, NULL, NOT_FOUND, false},
    {"GET", "/debug/pprof/", NULL, 404, TEXT, NULL, NOT_FOUND, false},
    {"GET", "/_piko/debug/vars", NULL, 404, TEXT, NULL, NOT_FOUND, false},
    {"GET", "/_piko/profiler/status/", NULL, 404, TEXT, NULL, NOT_FOUND, false},
};

static void check_row(const struct row *row) {
    struct reply reply = ask(row->method, row->path, row->body);
    char file[64];
    snprintf(file, sizeof(file), "attachment; filename=\"%s\"", row->file ? row->file : "");
    bool good =
        reply.status == row->status && has_header(&reply, "Content-Type", row->type) &&
        has_header(&reply, "X-Content-Type-Options", "nosniff") &&
        (row->file ? has_header(&reply, "Content-Disposition", file) : !has_field(&reply, "Content-Disposition")) &&
        has_field(&reply, "X-Go-Pprof") == row->go_pprof && !has_field(&reply, "Content-Encoding") &&
        (!row->content || !strcmp(reply.body, row->content));
    if (!good)
        fail_msg("%s %s:\n%s\n%s", row->method, row->path, reply.raw.data, reply.body);
    if (row->status == 200 && row->file && *reply.body)
        profile_free(decode(&reply, false));
    reply_done(&reply);
}

static void every_request_is_answered_as_clients_expect(void **unused) {
    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        check_row(&rows[i]);
}

/* ---- The rest ---------------------------------------------------------------------------------------------------- */

static void status_starts_with_the_keys_of_the_go_version(void **unused) {
    (void)unused;
    struct reply reply = ask("GET", "/_piko/profiler/status", NULL);
    static const char start[] =
        "{\"pprof_base_path\":\"/_piko/debug/pprof\",\"status_path\":\"/_piko/profiler/status\","
        "\"rolling_trace\":{\"min_age\":\"\",\"max_bytes\":0,\"enabled\":false},";
    assert_memory_equal(reply.body, start, strlen(start));
    assert_true(has_header(&reply, "Cache-Control", "no-store"));
    assert_int_equal(reply.body[reply.body_size - 1], '}');
    reply_done(&reply);
}

static void methods_that_are_refused_are_told_which_are_not(void **unused) {
    (void)unused;
    struct reply reply = ask("POST", "/_piko/profiler/status", NULL);
    assert_true(has_header(&reply, "Allow", "GET, HEAD"));
    reply_done(&reply);
}

static void paths_without_their_slash_are_redirected_with_their_query(void **unused) {
    (void)unused;
    static const struct {
        const char *from, *to;
    } redirects[] = {
        {"/_piko", "/_piko/"},
        {"/_piko/debug/pprof", PPROF},
        {"/_piko/debug/pprof?a=b%20c", PPROF "?a=b%20c"},
    };
    for (size_t i = 0; i < sizeof(redirects) / sizeof(redirects[0]); i++) {
        struct reply reply = ask("GET", redirects[i].from, NULL);
        assert_int_equal(reply.status, 307);
        assert_true(has_header(&reply, "Location", redirects[i].to));
        reply_done(&reply);
    }
}

static void index_lists_profiles_in_order_with_counts(void **unused) {
    (void)unused;
    static const char *const names[] = {"allocs", "block",   "cmdline", "goroutine",    "heap",
                                        "mutex",  "profile", "symbol",  "threadcreate", "trace"};
    static const char counts[] = {'1', '1', '0', '2', '1', '1', '0', '0', '2', '0'};
    struct reply reply = ask("GET", PPROF, NULL);
    const char *at = reply.body;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char row[128];
        snprintf(row, sizeof(row), "<tr><td>%c</td><td><a href='%s?debug=1'>%s</a></td></tr>", counts[i], names[i],
                 names[i]);
        at = strstr(at, row);
        if (!at)
            fail_msg("no row %s after the one before it", row);
    }
    assert_non_null(strstr(reply.body, "href=\"goroutine?debug=2\">full goroutine stack dump</a>"));
    reply_done(&reply);
}

static void text_forms_name_functions(void **unused) {
    (void)unused;
    static const struct {
        const char *path, *start, *part;
    } texts[] = {
        {PPROF "heap?debug=1", "heap profile: ", "\tsite_allocates+0x"},
        {PPROF "allocs?debug=1", "heap profile: ", "\tsite_allocates+0x"},
        {PPROF "block?debug=1", "--- contention:\ncycles/second=1000000000\n30000000 3 @ ", "\tsite_waits+0x"},
        {PPROF "mutex?debug=1", "--- mutex:\ncycles/second=1000000000\nsampling period=10\n5000000 1 @ ",
         "\tsite_waits+0x"},
        {PPROF "goroutine?debug=1", "goroutine profile: total 2\n", "\tsite_waits+0x"},
        {PPROF "threadcreate?debug=1", "threadcreate profile: total 2\n", "\tsite_allocates+0x"},
        {PPROF "goroutine?debug=2", "goroutine 100 [IO wait, name=main]:\nsite_waits(...)\n\t",
         "\n\ngoroutine 101 [mutex wait, name=worker-1]:\nsite_waits(...)\n\t"},
        {PPROF "goroutine?debug=2", "goroutine ", "created by site_allocates\n\t"},
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct reply reply = ask("GET", texts[i].path, NULL);
        if (strncmp(reply.body, texts[i].start, strlen(texts[i].start)) || !strstr(reply.body, texts[i].part))
            fail_msg("%s:\n%s", texts[i].path, reply.body);
        reply_done(&reply);
    }
}

static void cmdline_is_separated_by_nul(void **unused) {
    (void)unused;
    struct reply reply = ask("GET", PPROF "cmdline", NULL);
    assert_non_null(strstr(reply.body, "test_endpoints"));
    assert_int_not_equal(reply.body[reply.body_size - 1], '\0');
    reply_done(&reply);
}

static void symbol_names_addresses_of_query_and_body(void **unused) {
    (void)unused;
    char list[128], path[256], expected[256];
    uint64_t address = (uint64_t)(uintptr_t)site_start;
    snprintf(list, sizeof(list), "0x%llx+0x10+0x%llx", (unsigned long long)address, (unsigned long long)address);
    snprintf(path, sizeof(path), PPROF "symbol?%s", list);
    snprintf(expected, sizeof(expected), "num_symbols: 1\n0x%llx site_start\n0x%llx site_start\n",
             (unsigned long long)address, (unsigned long long)address);
    struct reply get = ask("GET", path, NULL), post = ask("POST", PPROF "symbol", list);
    assert_string_equal(get.body, expected);
    assert_string_equal(post.body, expected);
    reply_done(&get);
    reply_done(&post);
}

static void bodies_beyond_the_limit_are_refused(void **unused) {
    (void)unused;
    size_t size = 2u << 20;
    char *body = malloc(size + 1);
    assert_non_null(body);
    memset(body, '+', size);
    body[size] = '\0';
    struct reply reply = ask("POST", PPROF "symbol", body);
    assert_int_equal(reply.status, 413);
    reply_done(&reply);
    free(body);
}

static void several_captures_at_once_all_succeed(void **unused) {
    (void)unused;
    static const char *const paths[] = {
        PPROF "profile?seconds=1",   PPROF "profile?seconds=1&hz=200", PPROF "heap?seconds=1",
        PPROF "allocs?seconds=1",    PPROF "block?seconds=1",          PPROF "mutex?seconds=1",
        PPROF "goroutine?seconds=1", PPROF "threadcreate?seconds=1",   PPROF "profile?seconds=1",
    };
    enum { N = sizeof(paths) / sizeof(paths[0]) };
    int fds[N];
    uint64_t begin = clock_monotonic_ns();
    for (int i = 0; i < N; i++) {
        fds[i] = dial();
        send_request(fds[i], "GET", paths[i], NULL);
    }
    for (int i = 0; i < N; i++) {
        struct buffer raw = BUFFER_INIT(0);
        receive(fds[i], &raw);
        if (strncmp(raw.data, "HTTP/1.1 200 ", 13))
            fail_msg("%s: %s", paths[i], raw.data);
        buffer_done(&raw);
    }
    uint64_t took = clock_monotonic_ns() - begin;
    assert_in_range(took, NS_PER_S, 6 * NS_PER_S); /* side by side: one after the other would take 9 s */
    assert_int_equal(__atomic_load_n(&site.fake.segment->mailbox.cpu_users, __ATOMIC_ACQUIRE), 0);
}

static void delta_shows_only_what_happened_meanwhile(void **unused) {
    (void)unused;
    int fd = dial();
    send_request(fd, "POST", PPROF "block", "seconds=1");
    usleep(300000);
    struct segment_wait_bucket *bucket = segment_entries(site.fake.segment, &site.fake.segment->block);
    bucket->count_q16 += 2 << 16;
    bucket->ns += 77;
    struct reply reply = {.raw = BUFFER_INIT(0)};
    receive(fd, &reply.raw);
    char *end = strstr(reply.raw.data, "\r\n\r\n");
    assert_non_null(end);
    reply.body = end + 4;
    reply.body_size = reply.raw.size - (size_t)(reply.body - reply.raw.data);
    struct profile *profile = decode(&reply, true);
    assert_int_equal(profile->n_samples, 1);
    assert_int_equal(profile->samples[0].values[0], 2);
    assert_int_equal(profile->samples[0].values[1], 77);
    assert_in_range(profile->duration_nanos, NS_PER_S * 9 / 10, 5 * NS_PER_S);
    profile_free(profile);
    reply_done(&reply);
}

/* Within the given time; false if it never came to be. */
static bool cpu_users_become(uint32_t users, int ms) {
    for (; ms > 0; ms -= 10) {
        if (__atomic_load_n(&site.fake.segment->mailbox.cpu_users, __ATOMIC_ACQUIRE) == users)
            return true;
        usleep(10000);
    }
    return false;
}

static void capture_ends_when_its_client_goes_away(void **unused) {
    (void)unused;
    int fd = dial();
    send_request(fd, "GET", PPROF "profile?seconds=60", NULL);
    assert_true(cpu_users_become(1, 5000));
    close(fd);
    assert_true(cpu_users_become(0, 5000));
}

static void head_captures_nothing(void **unused) {
    (void)unused;
    struct reply reply = ask("HEAD", PPROF "profile?seconds=30", NULL);
    assert_int_equal(site.fake.segment->cpu_epoch, 0);
    assert_int_equal(reply.body_size, 0);
    reply_done(&reply);
}

static void stop_answers_running_captures_with_what_they_have(void **unused) {
    (void)unused;
    int cpu = dial(), heap = dial();
    send_request(cpu, "GET", PPROF "profile?seconds=60", NULL);
    send_request(heap, "GET", PPROF "heap?seconds=60", NULL);
    assert_true(cpu_users_become(1, 5000));
    usleep(100000);
    uint64_t begin = clock_monotonic_ns();
    serve_stop(site.serve);
    assert_in_range(clock_monotonic_ns() - begin, 0, 3 * NS_PER_S);
    site.serve = NULL;
    struct buffer first = BUFFER_INIT(0), second = BUFFER_INIT(0);
    receive(cpu, &first);
    receive(heap, &second);
    assert_memory_equal(first.data, "HTTP/1.1 200 ", 13);
    assert_memory_equal(second.data, "HTTP/1.1 200 ", 13);
    assert_non_null(strstr(first.data, "filename=\"profile\""));
    buffer_done(&first);
    buffer_done(&second);
    assert_int_equal(site.fake.segment->mailbox.cpu_users, 0);
}

static void ignore(void *data, enum serve_log_level level, const char *message) {
    (void)data;
    (void)level;
    (void)message;
}

static void port_in_use_is_named_and_start_works_after_stop(void **unused) {
    (void)unused;
    struct serve *second = NULL;
    char why[256] = "", port[32];
    const struct serve_options options = {
        .reader = site.reader,
        .bind_address = "localhost",
        .port = site.port,
        .log = ignore,
    };
    assert_int_equal(serve_start(&options, &second, why, sizeof(why)), -EADDRINUSE);
    assert_null(second);
    snprintf(port, sizeof(port), "localhost port %u", (unsigned)site.port);
    assert_non_null(strstr(why, port));
    serve_stop(site.serve);
    assert_int_equal(serve_start(&options, &site.serve, why, sizeof(why)), 0);
    assert_int_equal(serve_port(site.serve), site.port);
    struct reply reply = ask("GET", PPROF "heap", NULL);
    assert_int_equal(reply.status, 200);
    reply_done(&reply);
}

static void names_that_are_none_are_named(void **unused) {
    (void)unused;
    struct serve *second = NULL;
    char why[256] = "";
    const struct serve_options options = {.reader = site.reader, .bind_address = "no such name", .log = ignore};
    assert_int_equal(serve_start(&options, &second, why, sizeof(why)), -ENOENT);
    assert_non_null(strstr(why, "no such name"));
}

static void target_that_does_not_answer_is_an_error_only_for_cpu(void **unused) {
    (void)unused;
    __atomic_store_n(&site.fake.silent, 1, __ATOMIC_RELEASE);
    struct reply cpu = ask("GET", PPROF "profile?seconds=1", NULL), threads = ask("GET", PPROF "goroutine", NULL);
    assert_int_equal(cpu.status, 500);
    assert_true(has_header(&cpu, "X-Go-Pprof", "1"));
    assert_false(has_field(&cpu, "Content-Disposition"));
    assert_non_null(strstr(cpu.body, "Could not enable CPU profiling"));
    assert_int_equal(threads.status, 200);
    profile_free(decode(&threads, false));
    reply_done(&cpu);
    reply_done(&threads);
}

/* The totals that Go's own tool sees, fetched by itself from the URL. */
static void go_tool_opens_the_urls(void **unused) {
    (void)unused;
    static const struct {
        const char *name, *function, *flat;
    } profiles[] = {
        {"heap", "site_allocates", "6kB"},      {"allocs", "site_allocates", "10kB"},
        {"block", "site_waits", "30ms"},        {"mutex", "site_waits", "50ms"},
        {"goroutine", "site_waits", "2 "},      {"threadcreate", "site_allocates", "1 "},
        {"profile?seconds=1", "Duration:", ""},
    };
    char directory[] = "/tmp/piko-test-XXXXXX", command[512];
    assert_non_null(mkdtemp(directory));
    for (size_t i = 0; i < sizeof(profiles) / sizeof(profiles[0]); i++) {
        struct buffer text = BUFFER_INIT(1 << 20);
        snprintf(command, sizeof(command), "PPROF_TMPDIR=%s go tool pprof -top 'http://localhost:%u" PPROF "%s' 2>&1",
                 directory, (unsigned)site.port, profiles[i].name);
        FILE *pipe = popen(command, "re");
        assert_non_null(pipe);
        char line[1024];
        bool found = false;
        while (fgets(line, sizeof(line), pipe)) {
            found |= strstr(line, profiles[i].function) && strstr(line, profiles[i].flat);
            buffer_add_string(&text, line);
        }
        if (pclose(pipe) || !found)
            fail_msg("%s:\n%s", command, text.data ? text.data : "");
        buffer_done(&text);
    }
    snprintf(command, sizeof(command), "rm -r %s", directory);
    assert_int_equal(system(command), 0);
}

/* Prefixes of a request and noise: no crash, and the next client is served. */
static void broken_requests_harm_nobody(void **unused) {
    (void)unused;
    static const char *const broken[] = {
        "",
        "G",
        "GET",
        "GET /",
        "GET / HTTP/1.1\r\n",
        "\r\n\r\n",
        "GET /%00%ff HTTP/1.1\r\nHost: x\r\n\r\n",
        "POST /_piko/debug/pprof/heap HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\nabc",
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    };
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        int fd = dial();
        assert_int_equal(send(fd, broken[i], strlen(broken[i]), MSG_NOSIGNAL), (ssize_t)strlen(broken[i]));
        close(fd);
    }
    struct reply reply = ask("GET", PPROF "heap", NULL);
    assert_int_equal(reply.status, 200);
    reply_done(&reply);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(every_request_is_answered_as_clients_expect),
        TEST(status_starts_with_the_keys_of_the_go_version),
        TEST(methods_that_are_refused_are_told_which_are_not),
        TEST(paths_without_their_slash_are_redirected_with_their_query),
        TEST(index_lists_profiles_in_order_with_counts),
        TEST(text_forms_name_functions),
        TEST(cmdline_is_separated_by_nul),
        TEST(symbol_names_addresses_of_query_and_body),
        TEST(bodies_beyond_the_limit_are_refused),
        TEST(several_captures_at_once_all_succeed),
        TEST(delta_shows_only_what_happened_meanwhile),
        TEST(capture_ends_when_its_client_goes_away),
        TEST(head_captures_nothing),
        TEST(stop_answers_running_captures_with_what_they_have),
        TEST(port_in_use_is_named_and_start_works_after_stop),
        TEST(names_that_are_none_are_named),
        TEST(target_that_does_not_answer_is_an_error_only_for_cpu),
        TEST(go_tool_opens_the_urls),
        TEST(broken_requests_harm_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
