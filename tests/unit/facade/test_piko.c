/* The public library as a program sees it. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <piko/piko.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static char logged[4096];

static void keep(void *data, enum piko_log_level level, const char *message) {
    (void)data;
    (void)level;
    size_t used = strlen(logged);
    snprintf(logged + used, sizeof logged - used, "%s\n", message);
}

static struct piko_profiling_options options(int port) {
    logged[0] = '\0';
    return (struct piko_profiling_options){.port = port, .log = keep};
}

/* Whole answer to a GET, or "" when nobody listens. */
static const char *get(int port, const char *path) {
    static char answer[1 << 20];
    answer[0] = '\0';
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0) {
        dprintf(fd, "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", path);
        size_t used = 0;
        ssize_t n;
        while (used < sizeof answer - 1 && (n = read(fd, answer + used, sizeof answer - 1 - used)) > 0)
            used += (size_t)n;
        answer[used] = '\0';
    }
    close(fd);
    return answer;
}

/* The same, through a unix socket, with more header fields. */
static const char *get_unix(const char *path, const char *fields) {
    static char answer[1 << 16];
    answer[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0) {
        dprintf(fd, "GET /_piko/profiler/status HTTP/1.1\r\nHost: any\r\n%sConnection: close\r\n\r\n", fields);
        size_t used = 0;
        ssize_t n;
        while (used < sizeof answer - 1 && (n = read(fd, answer + used, sizeof answer - 1 - used)) > 0)
            used += (size_t)n;
        answer[used] = '\0';
    }
    close(fd);
    return answer;
}

/* A port that somebody else listens on; the socket stays open. */
static int taken_port(int *ret_fd) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(fd, 1), 0);
    getsockname(fd, (struct sockaddr *)&address, &size);
    *ret_fd = fd;
    return ntohs(address.sin_port);
}

static unsigned count_threads(void) {
    FILE *status = fopen("/proc/self/status", "r");
    char line[256];
    unsigned threads = 0;
    while (fgets(line, sizeof line, status))
        sscanf(line, "Threads: %u", &threads);
    fclose(status);
    return threads;
}

// No thread but this one. One that was joined is counted until the kernel is done with its end, a moment later.
static void assert_alone(void) {
    for (int i = 0; i < 1000 && count_threads() != 1; i++)
        usleep(5000);
    assert_int_equal(count_threads(), 1);
}

static void status_tells_the_go_pikos_keys_in_their_order(void **state) {
    (void)state;
    struct piko_profiling *profiling;
    assert_int_equal(
        piko_profiling_start(&(struct piko_profiling_options){.port = PIKO_ANY_PORT, .log = keep}, &profiling), 0);
    const char *answer = get(piko_profiling_port(profiling), "/_piko/profiler/status");
    assert_non_null(strstr(answer,
                           "{\"pprof_base_path\":\"/_piko/debug/pprof\",\"status_path\":\"/_piko/profiler/status\","
                           "\"rolling_trace\":{\"min_age\":\"\",\"max_bytes\":0,\"enabled\":false}"));
    assert_int_equal(piko_profiling_stop(profiling), 0);
}

static void start_and_stop_can_be_repeated_and_leave_nothing(void **state) {
    (void)state;
    assert_alone();
    for (int i = 0; i < 20; i++) {
        struct piko_profiling_options any = options(PIKO_ANY_PORT);
        struct piko_profiling *profiling;
        assert_int_equal(piko_profiling_start(&any, &profiling), 0);
        int port = piko_profiling_port(profiling);
        assert_non_null(strstr(get(port, "/_piko/debug/pprof/heap?debug=1"), "heap profile: "));
        assert_int_equal(piko_profiling_stop(profiling), 0);
        assert_string_equal(get(port, "/_piko/debug/pprof/"), "");
        assert_alone();
    }
}

static void a_port_in_use_is_named_and_nothing_is_left_behind(void **state) {
    (void)state;
    int fd, port = taken_port(&fd);
    assert_alone();
    char digits[16];
    snprintf(digits, sizeof digits, "%d", port);
    struct piko_profiling *profiling = NULL;
    struct piko_profiling_options taken = options(port);
    assert_int_equal(piko_profiling_start(&taken, &profiling), -EADDRINUSE);
    assert_null(profiling);
    assert_non_null(strstr(logged, digits));
    assert_alone();
    close(fd);
    assert_int_equal(piko_profiling_start(&taken, &profiling), 0);
    assert_int_equal(piko_profiling_port(profiling), port);
    piko_profiling_stop(profiling);
}

static void a_second_start_is_refused(void **state) {
    (void)state;
    struct piko_profiling_options any = options(PIKO_ANY_PORT);
    struct piko_profiling *first, *second = NULL;
    assert_int_equal(piko_profiling_start(&any, &first), 0);
    assert_int_equal(piko_profiling_start(&any, &second), -EALREADY);
    assert_null(second);
    piko_profiling_stop(first);
}

static void options_out_of_range_are_named(void **state) {
    (void)state;
    const struct {
        struct piko_profiling_options options;
        const char *name;
    } cases[] = {{{.port = 65536}, "port"},
                 {{.port = -2}, "port"},
                 {{.block_rate_ns = -2}, "block_rate_ns"},
                 {{.mutex_fraction = -7}, "mutex_fraction"},
                 {{.mem_profile_rate_bytes = -2}, "mem_profile_rate_bytes"},
                 {{.cpu_rate_hz = 1001}, "cpu_rate_hz"},
                 {{.cpu_rate_hz = PIKO_OFF}, "cpu_rate_hz"},
                 {{.rolling_trace_max_bytes = -1}, "rolling_trace_max_bytes"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct piko_profiling *profiling = NULL;
        struct piko_profiling_options wrong = cases[i].options;
        logged[0] = '\0';
        wrong.log = keep;
        assert_int_equal(piko_profiling_start(&wrong, &profiling), -EINVAL);
        assert_non_null(strstr(logged, cases[i].name));
        assert_null(profiling);
    }
}

static void a_profile_that_is_off_is_empty(void **state) {
    (void)state;
    struct piko_profiling_options off = options(PIKO_ANY_PORT);
    off.mem_profile_rate_bytes = off.block_rate_ns = off.mutex_fraction = PIKO_OFF;
    struct piko_profiling *profiling;
    assert_int_equal(piko_profiling_start(&off, &profiling), 0);
    int port = piko_profiling_port(profiling);
    const char *answer = get(port, "/_piko/debug/pprof/block?debug=1");
    assert_non_null(strstr(answer, "--- contention:"));
    piko_profiling_stop(profiling);
}

static void a_unix_socket_with_a_token_is_of_its_owner_alone(void **unused) {
    (void)unused;
    char folder[] = "/tmp/piko-socket-XXXXXX", path[64], token[64];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/socket", folder);
    snprintf(token, sizeof token, "%s/token", folder);
    int fd = open(token, O_CREAT | O_WRONLY, 0600);
    dprintf(fd, "secret\n");
    close(fd);
    struct piko_profiling_options chosen = options(0);
    chosen.unix_socket = path;
    chosen.token_file = token;
    struct piko_profiling *profiling;
    assert_int_equal(piko_profiling_start(&chosen, &profiling), 0);
    assert_non_null(strstr(logged, path));
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    assert_int_equal(piko_profiling_port(profiling), 0);
    assert_memory_equal(get_unix(path, ""), "HTTP/1.1 401 ", 13);
    assert_memory_equal(get_unix(path, "Authorization: Bearer secret\r\n"), "HTTP/1.1 200 ", 13);
    piko_profiling_stop(profiling);
    assert_int_equal(stat(path, &status), -1);
    unlink(token);
    assert_int_equal(piko_profiling_start(&chosen, &profiling), -ENOENT);
    assert_non_null(strstr(logged, token));
    rmdir(folder);
}

static void an_address_that_others_reach_is_warned_about(void **unused) {
    (void)unused;
    struct piko_profiling_options chosen = options(PIKO_ANY_PORT);
    chosen.bind_address = "0.0.0.0";
    struct piko_profiling *profiling;
    assert_int_equal(piko_profiling_start(&chosen, &profiling), 0);
    assert_non_null(strstr(logged, "whoever reaches 0.0.0.0 port "));
    piko_profiling_stop(profiling);
    chosen = options(PIKO_ANY_PORT);
    assert_int_equal(piko_profiling_start(&chosen, &profiling), 0);
    assert_null(strstr(logged, "whoever"));
    piko_profiling_stop(profiling);
}

static void stop_takes_null(void **state) {
    (void)state;
    assert_int_equal(piko_profiling_stop(NULL), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(status_tells_the_go_pikos_keys_in_their_order),
        cmocka_unit_test(start_and_stop_can_be_repeated_and_leave_nothing),
        cmocka_unit_test(a_port_in_use_is_named_and_nothing_is_left_behind),
        cmocka_unit_test(a_second_start_is_refused),
        cmocka_unit_test(options_out_of_range_are_named),
        cmocka_unit_test(a_unix_socket_with_a_token_is_of_its_owner_alone),
        cmocka_unit_test(an_address_that_others_reach_is_warned_about),
        cmocka_unit_test(a_profile_that_is_off_is_empty),
        cmocka_unit_test(stop_takes_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
