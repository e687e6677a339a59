/* Any profile that the decoder accepts makes a report of printable lines, with any focus, whose tables agree: lines and
 * functions have the same flat in sum. So does what it differs by from half of itself. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "report/diff_report.h"
#include "report/report.h"
#include "report/tree_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PROFILE_BYTES_MAX (64u << 10) /* gzip makes much of little: keep each run short */

static void check_printable(const struct buffer *text) {
    for (size_t i = 0; i < text->size; i++)
        if (((unsigned char)text->data[i] < ' ' && text->data[i] != '\n') || text->data[i] == 0x7f)
            abort();
}

static uint64_t sum_of_flat(const struct profile *profile, enum table_group group, const struct focus *focus) {
    struct table table;
    uint64_t sum = 0;
    if (table_build(profile, 0, group, &(struct filter){.focus = focus}, &table))
        abort();
    for (size_t i = 0; i < table.n_rows; i++)
        sum += (uint64_t)table.rows[i].flat;
    table_done(&table);
    return sum;
}

/* As a focus and as what is hidden. */
static void check_calls(const struct profile *profile, const struct focus *focus, const struct report_options *plain) {
    struct buffer text = BUFFER_INIT(0);
    struct report_options options = *plain;
    options.filter = (struct filter){.ignore = focus};
    if (tree_text_add(&text, profile, 0, &options))
        abort();
    options.filter = (struct filter){.hide = focus};
    int error = focus ? peek_text_add(&text, profile, 0, focus, &options) : 0;
    if ((error && error != -ENOENT) || tree_text_add(&text, profile, 0, &options))
        abort();
    check_printable(&text);
    buffer_done(&text);
}

/* Two of its sample types may be of one name, so a type has a partner, if not always itself. */
static void check_diff(const struct profile *profile, const struct focus *focus, unsigned top) {
    struct buffer text = BUFFER_INIT(0), rest = BUFFER_INIT(0);
    struct profile half = *profile;
    struct diff_subject subjects[DIFF_SUBJECTS_MAX];
    half.n_samples /= 2;
    const struct report_phase before = {"cpu", profile, NULL, 3}, after = {"cpu", &half, NULL, 5};
    size_t n = diff_subjects_of(&before, &after, NULL, subjects);
    const struct diff_report report = {.before_name = "a",
                                       .after_name = "b",
                                       .subjects = subjects,
                                       .n_subjects = n,
                                       .group = top == 2 ? TABLE_BY_LINE : TABLE_BY_FUNCTION,
                                       .by_cum = top == 1,
                                       .top = top,
                                       .filter = {.focus = focus},
                                       .form = {.width = 40 + top * 20}};
    if (n == 0 || diff_report_text(&report, &text) || diff_report_json(&report, &text) ||
        diff_report_html(&report, &rest))
        abort();
    check_printable(&text);
    buffer_done(&text);
    buffer_done(&rest);
}

static void check(const struct profile *profile, const struct focus *focus, unsigned top) {
    struct buffer text = BUFFER_INIT(0);
    const struct report_options options = {.top = top, .filter = {.focus = focus}, .form = {.width = 40 + top * 20}};
    const struct report_phase phases[] = {{"allocs", profile, NULL, 3},
                                          {"other", profile, NULL, 0},
                                          {"mutex", profile, NULL, 0},
                                          {"block", profile, NULL, 2}};
    const struct report_run run = {.phases = phases, .n_phases = 4};
    if (report_write(&run, &options, &text) || report_json(&run, &options, &text))
        abort();
    check_printable(&text);
    buffer_done(&text);
    if (profile->n_sample_types > 0) {
        check_calls(profile, focus, &options);
        check_diff(profile, focus, top);
    }
    if (profile->n_sample_types > 0 &&
        sum_of_flat(profile, TABLE_BY_FUNCTION, focus) != sum_of_flat(profile, TABLE_BY_LINE, focus))
        abort();
}

/* The first line is a focus (or empty), the rest a profile. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const uint8_t *end = size ? memchr(data, '\n', size) : NULL;
    struct profile *profile = NULL;
    struct focus *focus = NULL;
    if (!end || end - data > 40 || size > PROFILE_BYTES_MAX ||
        profile_decode(end + 1, size - (size_t)(end + 1 - data), &profile, NULL, 0))
        return 0;
    char expression[41] = "";
    memcpy(expression, data, (size_t)(end - data));
    if (expression[0] == '\0' || focus_new(expression, &focus, NULL, 0) == 0)
        check(profile, focus, size % 4);
    focus_free(focus);
    profile_free(profile);
    return 0;
}
