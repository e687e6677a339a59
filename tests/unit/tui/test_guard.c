#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "tui/guard.h"

#include <cmocka.h>

/* A terminal of our own: what is written to `slave` can be read from `master`. */
static int master, slave;

static int set_up(void **state) {
    (void)state;
    master = posix_openpt(O_RDWR | O_NOCTTY);
    assert_true(master >= 0);
    assert_int_equal(grantpt(master) | unlockpt(master), 0);
    slave = open(ptsname(master), O_RDWR | O_NOCTTY);
    assert_true(slave >= 0);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    close(slave);
    close(master);
    return 0;
}

static void set_echo(bool on) {
    struct termios settings;
    assert_int_equal(tcgetattr(slave, &settings), 0);
    settings.c_lflag = on ? settings.c_lflag | ECHO : settings.c_lflag & ~(tcflag_t)ECHO;
    assert_int_equal(tcsetattr(slave, TCSANOW, &settings), 0);
}

static bool has_echo(void) {
    struct termios settings;
    assert_int_equal(tcgetattr(slave, &settings), 0);
    return settings.c_lflag & ECHO;
}

/* What a process does that takes the terminal, and then dies of the signal; after the guard was told when `tidy`. */
static void take_and_die(int with_signal, bool tidy) {
    int status;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct guard guard;
        if (guard_start(slave, "[back]", &guard))
            _exit(1);
        set_echo(false);
        if (tidy)
            guard_end(&guard);
        signal(with_signal, SIG_DFL); /* cmocka catches some */
        raise(with_signal);
        _exit(1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), with_signal);
}

/* What the terminal was sent, up to a mark that we send ourselves. */
static void expect_written(const char *text) {
    char got[100] = "";
    size_t n = 0;
    assert_int_equal(write(slave, "|", 1), 1);
    while (n < sizeof got - 1 && !strchr(got, '|')) {
        ssize_t more = read(master, got + n, sizeof got - 1 - n);
        assert_true(more > 0);
        n += (size_t)more;
        got[n] = '\0';
    }
    *strchr(got, '|') = '\0';
    assert_string_equal(got, text);
}

/* The settings come back after what it writes. */
static void wait_for_restoring(void) {
    char got[7] = "";
    for (size_t n = 0; n < 6; n++)
        assert_int_equal(read(master, got + n, 1), 1);
    assert_string_equal(got, "[back]");
    for (int i = 0; i < 1000 && !has_echo(); i++)
        usleep(10000);
}

static void terminal_is_restored_after_a_crash_and_after_sigkill(void **state) {
    (void)state;
    static const int signals[] = {SIGKILL, SIGSEGV, SIGTERM};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        set_echo(true);
        take_and_die(signals[i], /* tidy= */ false);
        wait_for_restoring();
        assert_true(has_echo());
    }
}

static void guard_that_was_told_touches_nothing(void **state) {
    (void)state;
    set_echo(true);
    take_and_die(SIGKILL, /* tidy= */ true);
    assert_false(has_echo());
    expect_written("");
}

static void what_is_no_terminal_is_refused(void **state) {
    (void)state;
    struct guard guard;
    int null = open("/dev/null", O_RDWR);
    assert_true(guard_start(null, "", &guard) < 0);
    close(null);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(terminal_is_restored_after_a_crash_and_after_sigkill, set_up, tear_down),
        cmocka_unit_test_setup_teardown(guard_that_was_told_touches_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_no_terminal_is_refused, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
