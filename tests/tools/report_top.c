/* report_top FILE SAMPLE_TYPE functions|lines|auto [FOCUS]: the rows of a table, one a line:
 *     total VALUE
 *     FLAT CUM NAME
 * NAME is what `go tool pprof -top` prints; values are in base units, with `auto` (by function) as the report shows
 * them. For tests and benchmarks. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "report/table.h"
#include "report/units.h"

/* pprof names a frame without a function by its file where it has one. */
static bool is_nameless(const struct table_row *row) {
    return row->function[0] == '[' || strcmp(row->function, "<unknown>") == 0;
}

static void print_name(const struct table_row *row, bool by_line) {
    bool has_place = by_line && (row->line != 0 || row->file[0]);
    if (!has_place || !is_nameless(row))
        printf("%s%s", row->function, has_place ? " " : "");
    if (has_place)
        printf("%s", row->file);
    if (has_place && row->line != 0)
        printf(":%" PRId64, row->line);
    printf("\n");
}

static int print_table(const struct profile *profile, const char *type, const char *form, const struct focus *focus) {
    struct table table;
    bool by_line = strcmp(form, "lines") == 0, is_auto = strcmp(form, "auto") == 0;
    int error = table_build(profile, profile_find_sample_type(profile, type),
                            by_line ? TABLE_BY_LINE : TABLE_BY_FUNCTION, &(struct filter){.focus = focus}, &table);
    if (error) {
        fprintf(stderr, "report_top: %s: %s\n", type, strerror(-error));
        return 1;
    }
    const char *unit = table.type->unit;
    if (is_auto)
        printf("total %s\n", units_value(table.total, unit).text);
    else
        printf("total %" PRId64 "\n", table.total);
    for (size_t i = 0; i < table.n_rows; i++) {
        const struct table_row *row = &table.rows[i];
        if (is_auto)
            printf("%s %s ", units_value(row->flat, unit).text, units_value(row->cum, unit).text);
        else
            printf("%" PRId64 " %" PRId64 " ", row->flat, row->cum);
        print_name(row, by_line);
    }
    table_done(&table);
    return 0;
}

int main(int argc, char **argv) {
    struct buffer data = BUFFER_INIT(1u << 30);
    struct profile *profile = NULL;
    struct focus *focus = NULL;
    char why[256] = "";
    if (argc < 4 || argc > 5) {
        fprintf(stderr, "usage: report_top FILE SAMPLE_TYPE functions|lines|auto [FOCUS]\n");
        return 2;
    }
    int ret = 1;
    if (file_read(argv[1], &data) < 0 || profile_decode(data.data, data.size, &profile, why, sizeof(why)) < 0 ||
        (argc == 5 && focus_new(argv[4], &focus, why, sizeof(why)) < 0))
        fprintf(stderr, "report_top: %s: %s\n", argv[1], why);
    else
        ret = print_table(profile, argv[2], argv[3], focus);
    focus_free(focus);
    profile_free(profile);
    buffer_done(&data);
    return ret;
}
