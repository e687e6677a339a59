#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "tui/grid.h"

#include <cmocka.h>

static struct grid grid;

static int set_up(void **state) {
    (void)state;
    assert_non_null(setlocale(LC_CTYPE, "C.UTF-8"));
    grid = (struct grid){.utf8 = true};
    return grid_resize(&grid, 2, 10);
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

static void text_lands_where_it_is_put(void **state) {
    (void)state;
    assert_int_equal(grid_put(&grid, 1, 2, 10, TUI_BAD, "abc"), 5);
    assert_int_equal(grid.cells[12].style, TUI_BAD);
    assert_int_equal(grid.cells[15].style, TUI_PLAIN);
    expect("\n  abc\n");
}

static void text_that_is_too_long_ends_in_an_ellipsis(void **state) {
    (void)state;
    assert_int_equal(grid_put(&grid, 0, 2, 6, TUI_PLAIN, "abcd"), 6);
    assert_int_equal(grid_put(&grid, 1, 2, 6, TUI_PLAIN, "abcde"), 6);
    expect("  abcd\n  abc…\n");
}

static void nothing_is_written_outside(void **state) {
    (void)state;
    grid_put(&grid, 0, 8, 99, TUI_PLAIN, "abcdef");
    grid_put(&grid, 0, 10, 99, TUI_PLAIN, "x");
    grid_put(&grid, 0, 4000000000u, 99, TUI_PLAIN, "x");
    grid_put(&grid, 2, 0, 10, TUI_PLAIN, "x");
    grid_fill(&grid, 1, 7, 50, TUI_PLAIN, '=', '=');
    grid_fill(&grid, 2, 0, 50, TUI_PLAIN, '=', '=');
    expect("        a…\n       ===\n");
}

static void control_characters_and_invalid_bytes_become_question_marks(void **state) {
    (void)state;
    grid_put(&grid, 0, 0, 10, TUI_PLAIN, "a\033[31m\nb\x80\x7f");
    grid_put(&grid, 1, 0, 10, TUI_PLAIN, "x\u202ey\u0301\xc2\x9bz"); /* an override of direction, an accent, C1's CSI */
    expect("a?[31m?b??\nxy?z\n");
}

static void wide_characters_take_two_cells_and_are_not_halved(void **state) {
    (void)state;
    assert_int_equal(grid_put(&grid, 0, 0, 10, TUI_PLAIN, "a漢b"), 4);
    assert_int_equal(grid.cells[2].character, 0);
    grid_put(&grid, 1, 0, 4, TUI_PLAIN, "abc漢");
    expect("a漢b\nab…\n");
}

static void without_utf8_everything_is_ascii(void **state) {
    (void)state;
    grid.utf8 = false;
    grid_put(&grid, 0, 0, 5, TUI_PLAIN, "é漢abcdef");
    grid_fill(&grid, 1, 0, 3, TUI_PLAIN, 0x2588, '#');
    expect("??ab~\n###\n");
}

static void text_of_all_lengths_of_characters_is_given_back(void **state) {
    (void)state;
    grid_put(&grid, 0, 0, 10, TUI_PLAIN, "aé…😀");
    expect("aé…😀\n\n");
}

static void lines_end_at_blanks_and_long_words_are_cut(void **state) {
    (void)state;
    assert_int_equal(grid_line_bytes(&grid, 10, "short"), 5);
    assert_int_equal(grid_line_bytes(&grid, 10, "some words to break"), 11);
    assert_int_equal(grid_line_bytes(&grid, 10, "words here of 12"), 11);
    assert_int_equal(grid_line_bytes(&grid, 4, "abcdefgh"), 4);
    assert_int_equal(grid_line_bytes(&grid, 3, "漢字"), 3);
    assert_int_equal(grid_line_bytes(&grid, 0, "漢字"), 3);
    assert_int_equal(grid_line_bytes(&grid, 4, ""), 0);
}

static void size_may_be_nothing_and_more_than_any_terminal(void **state) {
    (void)state;
    assert_int_equal(grid_resize(&grid, 0, 0), 0);
    assert_int_equal(grid_put(&grid, 0, 0, 10, TUI_PLAIN, "a"), 0);
    assert_int_equal(grid_resize(&grid, UINT32_MAX, UINT32_MAX), 0);
    assert_int_equal(grid.rows, GRID_SIDE_MAX);
    assert_int_equal(grid.columns, GRID_SIDE_MAX);
    assert_int_equal(grid_resize(&grid, 1, 3), 0);
    grid_put(&grid, 0, 0, 10, TUI_PLAIN, "a");
    expect("a\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(text_lands_where_it_is_put),
        TEST(text_that_is_too_long_ends_in_an_ellipsis),
        TEST(nothing_is_written_outside),
        TEST(control_characters_and_invalid_bytes_become_question_marks),
        TEST(wide_characters_take_two_cells_and_are_not_halved),
        TEST(without_utf8_everything_is_ascii),
        TEST(text_of_all_lengths_of_characters_is_given_back),
        TEST(lines_end_at_blanks_and_long_words_are_cut),
        TEST(size_may_be_nothing_and_more_than_any_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
