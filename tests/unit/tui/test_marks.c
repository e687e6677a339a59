#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "tui/marks.h"

#include <cmocka.h>

static struct grid grid;
static struct tui_series series;

static int set_up(void **state) {
    (void)state;
    assert_non_null(setlocale(LC_CTYPE, "C.UTF-8"));
    grid = (struct grid){.utf8 = true};
    series = (struct tui_series){0};
    return grid_resize(&grid, 1, 12);
}

static int tear_down(void **state) {
    (void)state;
    grid_done(&grid);
    return 0;
}

static void expect(const char *text) {
    struct buffer shown = BUFFER_INIT(0);
    assert_int_equal(grid_text(&grid, &shown), 0);
    assert_string_equal(shown.data, text);
    buffer_done(&shown);
}

static void sparkline_reaches_from_zero_to_its_highest_point(void **state) {
    (void)state;
    for (int i = 0; i <= 8; i++)
        tui_series_add(&series, i);
    assert_int_equal(marks_spark(&grid, 0, 1, 11, &series), 12);
    expect(" ▁▂▃▄▅▆▇██\n");
}

static void sparkline_shows_the_newest_points_and_scales_to_those(void **state) {
    (void)state;
    for (int i = 0; i < 20; i++)
        tui_series_add(&series, i == 16 ? 1000 : 8);
    marks_spark(&grid, 0, 0, 3, &series);
    expect("███\n");
}

static void sparkline_of_nothing_zeros_and_what_is_no_number(void **state) {
    (void)state;
    marks_spark(&grid, 0, 0, 3, &series);
    expect("\n");
    tui_series_add(&series, 0);
    tui_series_add(&series, (double)NAN);
    tui_series_add(&series, -1);
    marks_spark(&grid, 0, 0, 3, &series);
    expect("▁▁▁\n");
}

static void series_forgets_its_oldest_points(void **state) {
    (void)state;
    for (int i = 0; i < (int)TUI_POINTS_MAX + 5; i++)
        tui_series_add(&series, i);
    assert_int_equal(series.n, TUI_POINTS_MAX);
    assert_int_equal((int)series.points[0], 5);
    assert_int_equal((int)series.points[TUI_POINTS_MAX - 1], TUI_POINTS_MAX + 4);
}

static void bar_is_true_to_an_eighth_of_a_cell(void **state) {
    (void)state;
    marks_bar(&grid, 0, 0, 8, 0.3125, /* rest= */ true); /* 2.5 of 8 */
    expect("██▌·····\n");
    marks_bar(&grid, 0, 0, 8, 1, /* rest= */ true);
    expect("████████\n");
}

static void bar_of_any_share_stays_in_its_cells(void **state) {
    (void)state;
    static const double shares[] = {-1, 0, 2, 1e300, (double)INFINITY, (double)NAN};
    for (size_t i = 0; i < sizeof shares / sizeof *shares; i++) {
        grid_clear(&grid);
        assert_int_equal(marks_bar(&grid, 0, 0, 4, shares[i], /* rest= */ false), 4);
        expect(shares[i] > 1 ? "████\n" : "\n");
    }
}

static void marks_without_utf8_are_ascii(void **state) {
    (void)state;
    grid.utf8 = false;
    marks_bar(&grid, 0, 0, 4, 0.6, /* rest= */ true);
    for (int i = 0; i < 8; i++)
        tui_series_add(&series, i);
    marks_spark(&grid, 0, 4, 8, &series);
    expect("##.._.:-=+*#\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(sparkline_reaches_from_zero_to_its_highest_point),
        TEST(sparkline_shows_the_newest_points_and_scales_to_those),
        TEST(sparkline_of_nothing_zeros_and_what_is_no_number),
        TEST(series_forgets_its_oldest_points),
        TEST(bar_is_true_to_an_eighth_of_a_cell),
        TEST(bar_of_any_share_stays_in_its_cells),
        TEST(marks_without_utf8_are_ascii),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
