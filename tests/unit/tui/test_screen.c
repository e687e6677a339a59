#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "tui/screen.h"

#include <cmocka.h>

static struct tui_state state;
static struct grid grid;
static struct buffer shown;

static void add_hot(const char *function, const char *place, double share) {
    struct tui_hot *hot = &state.hot[state.n_hot++];
    snprintf(hot->function, sizeof hot->function, "%s", function);
    snprintf(hot->place, sizeof hot->place, "%s", place);
    hot->share = share;
}

static int set_up(void **unused) {
    static const char *const names[] = {"baseline", "cpu", "allocs", "heap", "mutex", "block"};
    (void)unused;
    assert_non_null(setlocale(LC_CTYPE, "C.UTF-8"));
    memset(&state, 0, sizeof state);
    state.url = "http://localhost:8080/";
    state.profiler = "http://localhost:6060/_piko/debug/pprof/";
    for (size_t i = 0; i < 6; i++)
        state.phases[state.n_phases++].name = names[i];
    state.phases[0].state = TUI_DONE;
    state.phases[1].state = TUI_RUNNING;
    state.elapsed_ns = 48 * NS_PER_S;
    state.length_ns = 180 * NS_PER_S;
    state.phase_elapsed_ns = 18 * NS_PER_S;
    state.phase_length_ns = 30 * NS_PER_S;
    for (int i = 0; i < 100; i++) {
        tui_series_add(&state.rate, 41000 + i);
        tui_series_add(&state.latency_ns, i == 90 ? 4.84e6 : 2.42e6);
        tui_series_add(&state.threads, 18);
    }
    state.has_latency = true;
    state.p50_ns = 2130 * NS_PER_US;
    state.p80_ns = 2800 * NS_PER_US;
    state.p99_ns = 5810 * NS_PER_US;
    state.max_ns = 38200 * NS_PER_US;
    state.requests = 2011344;
    state.body_bytes = 3328599654;
    strcpy(state.hot_what, "cpu 12.3s");
    add_hot("memmove", "buf.c:33", 0.381);
    add_hot("S_process_line", "blocks.c:1204", 0.155);
    add_hot("cache_get", "", 0.079);
    return 0;
}

static int tear_down(void **unused) {
    (void)unused;
    grid_done(&grid);
    buffer_done(&shown);
    shown = (struct buffer)BUFFER_INIT(0);
    return 0;
}

static const char *draw(unsigned columns, unsigned rows, bool utf8) {
    grid.utf8 = utf8;
    assert_int_equal(grid_resize(&grid, rows, columns), 0);
    screen_draw(&grid, &state);
    shown.size = 0;
    assert_int_equal(grid_text(&grid, &shown), 0);
    return shown.data ? shown.data : "";
}

/* The line of that number, for as long as nothing else is asked. */
static const char *line(unsigned number) {
    static char text[4096];
    const char *at = shown.data;
    while (number--)
        at = strchr(at, '\n') + 1;
    snprintf(text, sizeof text, "%.*s", (int)strcspn(at, "\n"), at);
    return text;
}

static void screen_of_80_by_24_has_everything(void **unused) {
    (void)unused;
    state.failures = 3;
    tui_state_add_message(&state, /* is_error= */ true, "piko profile: baseline: it answered 500");
    assert_string_equal(draw(80, 24, /* utf8= */ true),
                        " piko profile  http://localhost:8080/   http://localhost:6060/_…  00:48 / 03:00\n"
                        " ✓ baseline  ● cpu ███████▏···· 12 s left  ○ allocs  ○ heap  ○ mutex  ○ block\n"
                        " ──────────────────────────────────────────────────────────────────────────────\n"
                        "  req/s    41,099     █████████████████████████████████████████████████████████\n"
                        "  latency  2.42ms     ▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅█▅▅▅▅▅▅▅▅▅\n"
                        "           p50 2.13ms  p80 2.80ms  p99 5.81ms  p100 38.2ms\n"
                        "  threads  18         █████████████████████████████████████████████████████████\n"
                        " ──────────────────────────────────────────────────────────────────────────────\n"
                        "  hot now                                                             cpu 12.3s\n"
                        "  memmove                     buf.c:33            ████████████████████   38.1 %\n"
                        "  S_process_line              blocks.c:1204       ████████▏              15.5 %\n"
                        "  cache_get                                       ████▏                   7.9 %\n"
                        "\n\n\n\n\n\n\n\n"
                        " ──────────────────────────────────────────────────────────────────────────────\n"
                        "  errors and warnings: 1\n"
                        "  piko profile: baseline: it answered 500\n"
                        "  requests 2,011,344   failed 3   received 3.1 GB                q quit  ? help\n");
}

static void screen_without_utf8_is_ascii(void **unused) {
    (void)unused;
    for (const char *c = draw(80, 24, /* utf8= */ false); *c; c++)
        assert_true((*c >= ' ' && *c <= '~') || *c == '\n');
    assert_string_equal(line(1), " + baseline  * cpu #######..... 12 s left  o allocs  o heap  o mutex  o block");
    state.help = true;
    for (const char *c = draw(80, 24, /* utf8= */ false); *c; c++)
        assert_true((*c >= ' ' && *c <= '~') || *c == '\n');
    assert_non_null(strstr(shown.data, "! something failed"));
}

static void large_screen_shows_more_functions_and_longer_names(void **unused) {
    (void)unused;
    char name[100] = {0};
    memset(name, 'n', 60);
    state.n_hot = 0;
    for (int i = 0; i < (int)TUI_HOT_MAX; i++)
        add_hot(name, "file.c:1", 0.01);
    const char *text = draw(200, 60, /* utf8= */ true);
    unsigned whole = 0;
    for (const char *at = text; (at = strstr(at, name)); at++)
        whole++;
    assert_int_equal(whole, 60 - 10);
}

static void help_takes_the_place_of_functions_and_messages(void **unused) {
    (void)unused;
    state.help = true;
    tui_state_add_message(&state, /* is_error= */ true, "a message");
    const char *text = draw(80, 24, /* utf8= */ true);
    assert_non_null(strstr(text, "end early"));
    assert_null(strstr(text, "memmove"));
    assert_null(strstr(text, "a message"));
    assert_non_null(strstr(text, "2,011,344"));
}

static void newest_messages_are_shown_one_line_each(void **unused) {
    (void)unused;
    for (int i = 0; i < 100; i++) {
        char text[64];
        snprintf(text, sizeof text, "message %d\nmore of it", i);
        tui_state_add_message(&state, i % 2, text);
    }
    const char *text = draw(80, 24, /* utf8= */ true);
    assert_non_null(strstr(text, "errors and warnings: 100"));
    assert_non_null(strstr(text, "message 97\n  message 98\n  message 99\n"));
    assert_null(strstr(text, "message 96"));
    assert_null(strstr(text, "more of it"));
}

static void long_message_goes_on_in_the_next_row(void **unused) {
    (void)unused;
    tui_state_add_message(&state, /* is_error= */ false, "one");
    tui_state_add_message(&state, /* is_error= */ false, "two");
    tui_state_add_message(&state, /* is_error= */ true,
                          "cpu: http://127.0.0.1:6060/_piko/debug/pprof/profile?seconds=30: it answered 500: cpu "
                          "profiling already in use");
    const char *text = draw(80, 24, true);
    assert_non_null(strstr(text, "errors and warnings: 3\n  two\n  cpu: http:"));
    assert_non_null(strstr(text, "?seconds=30: it\n    answered 500: cpu profiling already in use\n"));
    assert_null(strstr(text, "one\n"));
    assert_non_null(strstr(draw(80, 40, true), "errors and warnings: 3\n  one\n  two\n  cpu: http:"));
}

static void reason_stands_where_functions_are_missing(void **unused) {
    (void)unused;
    state.n_hot = 0;
    assert_non_null(strstr(draw(80, 24, true), "no samples yet"));
    strcpy(state.hot_note, "nothing is captured");
    assert_non_null(strstr(draw(80, 24, true), "nothing is captured"));
}

static void phase_that_does_not_count_yet_says_what_it_does(void **unused) {
    (void)unused;
    state.doing = "warming up";
    draw(80, 24, true);
    assert_non_null(strstr(line(1), " warming up  ○ allocs"));
    state.phases[0].state = TUI_FAILED;
    draw(80, 24, true);
    assert_non_null(strstr(line(1), "✗ baseline"));
}

static void state_of_before_the_first_figure_can_be_drawn(void **unused) {
    (void)unused;
    memset(&state, 0, sizeof state);
    state.url = state.profiler = "";
    draw(80, 24, true);
    assert_string_equal(line(3), "  req/s    -");
    assert_string_equal(line(5), "");
}

static void any_size_can_be_drawn(void **unused) {
    (void)unused;
    tui_state_add_message(&state, /* is_error= */ true, "a message");
    for (unsigned rows = 0; rows < 40; rows++) {
        for (unsigned columns = 0; columns < 140; columns += columns < 90 ? 1 : 7) {
            state.help = (rows + columns) % 2;
            draw(columns, rows, true);
        }
    }
}

static void hostile_text_moves_no_cursor(void **unused) {
    (void)unused;
    state.url = "http://x/\033[2J";
    add_hot("evil\033]0;title\a\r\n",
            "\x9b"
            "31m:1",
            0.01);
    tui_state_add_message(&state, /* is_error= */ true, "\033[H\r");
    for (const char *c = draw(80, 24, true); *c; c++)
        assert_true((unsigned char)*c >= ' ' || *c == '\n');
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(screen_of_80_by_24_has_everything),
        TEST(screen_without_utf8_is_ascii),
        TEST(large_screen_shows_more_functions_and_longer_names),
        TEST(help_takes_the_place_of_functions_and_messages),
        TEST(newest_messages_are_shown_one_line_each),
        TEST(long_message_goes_on_in_the_next_row),
        TEST(reason_stands_where_functions_are_missing),
        TEST(phase_that_does_not_count_yet_says_what_it_does),
        TEST(state_of_before_the_first_figure_can_be_drawn),
        TEST(any_size_can_be_drawn),
        TEST(hostile_text_moves_no_cursor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
