/* Memory that runs out at any allocation of ours is an error, never a crash, a leak or half a result. */
/* clang-format off */
#include <setjmp.h> /* cmocka.h needs these before it */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "build.h"
#include "report/report.h"
#include "report/tree_text.h"

/* The linker sends the allocations of everything but shared libraries here (--wrap). */
void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *old, size_t size);

static int until_failure = INT_MAX; /* allocations that succeed before one, and no other, fails */

void *__wrap_malloc(size_t size) {
    return until_failure-- != 0 ? __real_malloc(size) : NULL;
}

void *__wrap_calloc(size_t n, size_t size) {
    return until_failure-- != 0 ? __real_calloc(n, size) : NULL;
}

void *__wrap_realloc(void *old, size_t size) {
    return until_failure-- != 0 ? __real_realloc(old, size) : NULL;
}

static struct profile *make_profile(void) {
    struct profile *profile = build_profile("samples", "count");
    profile->drop_frames = "hook";
    profile->keep_frames = "kept";
    SAMPLE(profile, VALUES(3), "inner i.c:1 < outer ./o.c:2", "main m.c:3");
    SAMPLE(profile, VALUES(2), "hook", "", "main m.c:3");
    return profile;
}

static int write_report(const struct profile *profile) {
    struct focus *focus = NULL;
    struct buffer text = BUFFER_INIT(0);
    const struct report_phase phase = {"cpu", profile, NULL, 10};
    const struct report_run run = {.phases = &phase, .n_phases = 1};
    int error = focus_new("main", &focus, NULL, 0);
    struct report_options options = {.filter = {.focus = focus, .ignore = focus, .hide = focus}, .form = {.width = 80}};
    if (!error)
        error = report_write(&run, &options, &text);
    if (!error)
        error = report_json(&run, &options, &text);
    options.filter = (struct filter){0};
    if (!error)
        error = tree_text_add(&text, profile, 0, &options);
    if (!error)
        error = peek_text_add(&text, profile, 0, focus, &options);
    buffer_done(&text);
    focus_free(focus);
    return error;
}

static void each_failing_allocation_is_reported(void **state) {
    (void)state;
    struct profile *profile = make_profile();
    int error = -ENOMEM, n;
    for (n = 0; error && n < 1000; n++) {
        until_failure = n;
        error = write_report(profile);
        until_failure = INT_MAX;
        assert_true(error == 0 || error == -ENOMEM);
    }
    assert_int_equal(error, 0);
    assert_true(n > 15); /* else nothing failed at all */
    profile_free(profile);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_failing_allocation_is_reported)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
