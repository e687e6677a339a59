/* clang-format off */
#include <setjmp.h> /* cmocka.h needs these before it */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <errno.h>
#include <string.h>

#include "build.h"
#include "report/table.h"

static const struct table_row *find(const struct table *table, const char *function) {
    for (size_t i = 0; i < table->n_rows; i++)
        if (strcmp(table->rows[i].function, function) == 0)
            return &table->rows[i];
    fail_msg("no row %s", function);
    return NULL;
}

static void expect(const struct table *table, const char *function, int64_t flat, int64_t cum) {
    const struct table_row *row = find(table, function);
    assert_int_equal(row->flat, flat);
    assert_int_equal(row->cum, cum);
}

static struct table build(const struct profile *profile, enum table_group group) {
    struct table table;
    assert_int_equal(table_build(profile, 0, group, NULL, &table), 0);
    return table;
}

static void flat_belongs_to_the_innermost_inlined_line_alone(void **state) {
    (void)state;
    struct profile *profile = build_profile("cpu", "nanoseconds");
    SAMPLE(profile, VALUES(100), "unlock m.c:1 < release m.c:9 < render r.c:5", "main r.c:50");
    struct table table = build(profile, TABLE_BY_FUNCTION);
    assert_int_equal(table.n_rows, 4);
    expect(&table, "unlock", 100, 100);
    expect(&table, "release", 0, 100);
    expect(&table, "render", 0, 100);
    expect(&table, "main", 0, 100);
    assert_int_equal(table.total, 100);
    table_done(&table);
    profile_free(profile);
}

static void recursion_counts_once_a_sample_in_cum(void **state) {
    (void)state;
    struct profile *profile = build_profile("cpu", "nanoseconds");
    SAMPLE(profile, VALUES(10), "walk w.c:3", "walk w.c:3", "walk w.c:7", "main w.c:1");
    SAMPLE(profile, VALUES(5), "walk w.c:7", "main w.c:1");
    struct table table = build(profile, TABLE_BY_FUNCTION);
    expect(&table, "walk", 15, 15);
    expect(&table, "main", 0, 15);
    table_done(&table);
    table = build(profile, TABLE_BY_LINE);
    assert_int_equal(table.n_rows, 3);
    assert_string_equal(table.rows[0].function, "walk");
    assert_int_equal(table.rows[0].line, 3);
    assert_int_equal(table.rows[0].flat, 10);
    assert_int_equal(table.rows[1].line, 7);
    assert_int_equal(table.rows[1].flat, 5);
    assert_int_equal(table.rows[1].cum, 15);
    table_done(&table);
    profile_free(profile);
}

static void function_shows_its_heaviest_line(void **state) {
    (void)state;
    struct profile *profile = build_profile("cpu", "nanoseconds");
    SAMPLE(profile, VALUES(1), "work a.c:10", "main a.c:1");
    SAMPLE(profile, VALUES(5), "work a.c:12", "main a.c:2");
    SAMPLE(profile, VALUES(2), "work a.c:14", "main a.c:2");
    struct table table = build(profile, TABLE_BY_FUNCTION);
    assert_int_equal(find(&table, "work")->line, 12);
    assert_string_equal(find(&table, "work")->file, "a.c");
    assert_int_equal(find(&table, "main")->line, 2); /* by cum, as it has no flat */
    table_done(&table);
    profile_free(profile);
}

static void rows_are_sorted_by_magnitude_then_cum_then_name(void **state) {
    (void)state;
    struct profile *profile = build_profile("cpu", "nanoseconds");
    SAMPLE(profile, VALUES(-30), "shrunk");
    SAMPLE(profile, VALUES(20), "b", "above");
    SAMPLE(profile, VALUES(20), "a", "above");
    struct table table = build(profile, TABLE_BY_FUNCTION);
    const char *const order[] = {"shrunk", "a", "b", "above"};
    for (size_t i = 0; i < 4; i++)
        assert_string_equal(table.rows[i].function, order[i]);
    assert_int_equal(table.rows[0].flat, -30);
    assert_int_equal(table.total, 70);
    table_done(&table);
    profile_free(profile);
}

static void what_cancels_out_is_no_row(void **state) {
    (void)state;
    struct profile *profile = build_profile("cpu", "nanoseconds");
    SAMPLE(profile, VALUES(30), "same", "before");
    SAMPLE(profile, VALUES(-30), "same", "after");
    struct table table = build(profile, TABLE_BY_FUNCTION);
    assert_int_equal(table.n_rows, 2); /* before and after */
    assert_int_equal(table.n_kept, 2);
    table_done(&table);
    profile_free(profile);
}

static void frames_without_a_name_are_named_by_their_object(void **state) {
    (void)state;
    struct profile *profile = build_profile("cpu", "nanoseconds");
    SAMPLE(profile, VALUES(30), "", "main");
    struct table table = build(profile, TABLE_BY_FUNCTION);
    expect(&table, "[site]", 30, 30);
    table_done(&table);
    profile_free(profile);
}

static void names_of_several_files_are_one_function_and_several_lines(void **state) {
    (void)state;
    struct profile *profile = build_profile("cpu", "nanoseconds");
    SAMPLE(profile, VALUES(1), "f a.c:1");
    SAMPLE(profile, VALUES(2), "f b.c:1");
    SAMPLE(profile, VALUES(4), "f ./b.c:1");
    struct table table = build(profile, TABLE_BY_FUNCTION);
    assert_int_equal(table.n_rows, 1);
    expect(&table, "f", 7, 7);
    assert_string_equal(table.rows[0].file, "b.c");
    table_done(&table);
    table = build(profile, TABLE_BY_LINE);
    assert_int_equal(table.n_rows, 2);
    assert_int_equal(table.rows[0].flat, 6);
    table_done(&table);
    profile_free(profile);
}

static void focus_keeps_whole_samples_and_percent_of_the_whole(void **state) {
    (void)state;
    struct profile *profile = build_profile("cpu", "nanoseconds");
    SAMPLE(profile, VALUES(30), "copy", "render", "main");
    SAMPLE(profile, VALUES(70), "copy", "read", "main");
    struct focus *focus;
    struct table table;
    assert_int_equal(focus_new("^render$", &focus, NULL, 0), 0);
    assert_int_equal(table_build(profile, 0, TABLE_BY_FUNCTION, &(struct filter){.focus = focus}, &table), 0);
    expect(&table, "copy", 30, 30);
    expect(&table, "main", 0, 30);
    assert_int_equal(table.n_rows, 3);
    assert_int_equal(table.total, 100);
    assert_int_equal(table.kept, 30);
    assert_int_equal(table.n_kept, 1);
    table_done(&table);
    focus_free(focus);
    profile_free(profile);
}

static void empty_profile_is_an_empty_table(void **state) {
    (void)state;
    struct profile *profile = build_profile("cpu", "nanoseconds");
    struct table table = build(profile, TABLE_BY_FUNCTION);
    assert_int_equal(table.n_rows, 0);
    assert_int_equal(table.total, 0);
    table_done(&table);
    assert_int_equal(table_build(profile, 1, TABLE_BY_FUNCTION, NULL, &table), -EINVAL);
    assert_int_equal(table_build(profile, PROFILE_NONE, TABLE_BY_FUNCTION, NULL, &table), -EINVAL);
    profile_free(profile);
}

static void extreme_values_do_no_harm(void **state) {
    (void)state;
    struct profile *profile = build_profile("cpu", "nanoseconds");
    SAMPLE(profile, VALUES(INT64_MAX), "a", "main");
    SAMPLE(profile, VALUES(INT64_MAX), "b", "main");
    SAMPLE(profile, VALUES(INT64_MIN), "c", "main");
    struct table table = build(profile, TABLE_BY_FUNCTION);
    assert_int_equal(table.n_rows, 4);
    table_done(&table);
    profile_free(profile);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flat_belongs_to_the_innermost_inlined_line_alone),
        cmocka_unit_test(recursion_counts_once_a_sample_in_cum),
        cmocka_unit_test(function_shows_its_heaviest_line),
        cmocka_unit_test(rows_are_sorted_by_magnitude_then_cum_then_name),
        cmocka_unit_test(what_cancels_out_is_no_row),
        cmocka_unit_test(frames_without_a_name_are_named_by_their_object),
        cmocka_unit_test(names_of_several_files_are_one_function_and_several_lines),
        cmocka_unit_test(focus_keeps_whole_samples_and_percent_of_the_whole),
        cmocka_unit_test(empty_profile_is_an_empty_table),
        cmocka_unit_test(extreme_values_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
