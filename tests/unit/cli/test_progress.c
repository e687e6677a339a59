#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/progress.h"

#include <cmocka.h>

static struct load_stats stats;

static const struct progress_line line = {
    .phase = "cpu",
    .elapsed_ns = 11 * NS_PER_S,
    .length_ns = 30 * NS_PER_S,
    .stats = &stats,
    .note = "2,988 stacks",
};

static int set_up(void **state) {
    (void)state;
    assert_int_equal(load_stats_init(&stats), 0);
    for (int i = 0; i < 100; i++)
        histogram_record(stats.latency, NS_PER_MS);
    stats.requests = 100;
    stats.failures[LOAD_STATUS] = 2;
    stats.elapsed_ns = NS_PER_S;
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    load_stats_done(&stats);
    return 0;
}

/* What one call prints, as a string for free(). `live` as on a terminal. */
static char *printed(bool live, bool color, void (*show)(struct progress *, const struct progress_line *)) {
    char *text = NULL;
    size_t size;
    FILE *out = tmpfile();
    struct progress progress;
    progress_init(&progress, out);
    assert_false(progress.live);
    progress.live = live;
    progress.color = color;
    show(&progress, &line);
    FILE *copy = open_memstream(&text, &size);
    rewind(out);
    for (int c; (c = getc(out)) != EOF;)
        putc(c, copy);
    fclose(copy);
    fclose(out);
    return text;
}

static void piped_phase_is_one_plain_line_at_its_end(void **state) {
    (void)state;
    char *text = printed(false, false, progress_update);
    assert_string_equal(text, "");
    free(text);
    text = printed(false, false, progress_finish);
    assert_string_equal(text, "  cpu         30 s      100 req/s  p50 1.00ms  p99 1.00ms  2 failed  2,988 stacks\n");
    free(text);
}

static void live_line_is_rewritten_in_place_and_fits_the_terminal(void **state) {
    (void)state;
    char *text = printed(true, false, progress_update);
    assert_memory_equal(text, "\r\033[K  cpu ", 10);
    assert_non_null(strstr(text, "19 s left"));
    assert_null(strchr(text, '\n'));
    assert_true(strlen(text) - 4 < 80); /* the default where no size is known */
    free(text);
}

static void line_that_stays_is_not_cut(void **state) {
    (void)state;
    struct progress_line long_line = line;
    FILE *out = tmpfile();
    struct progress progress;
    progress_init(&progress, out);
    progress.live = true;
    long_line.note = "a note that does not fit behind the figures of a terminal with eighty columns";
    progress_finish(&progress, &long_line);
    char text[512] = "";
    rewind(out);
    assert_true(fread(text, 1, sizeof text - 1, out) > 0);
    assert_non_null(strstr(text, "eighty columns\n"));
    fclose(out);
}

static void colour_goes_on_and_off_again(void **state) {
    (void)state;
    char *text = printed(true, true, progress_update);
    int open = 0;
    for (const char *c = text; (c = strstr(c, "\033[")); c += 2)
        if (strncmp(c, "\033[K", 3) != 0)
            open = strncmp(c, "\033[0m", 4) != 0;
    assert_false(open);
    assert_non_null(strstr(text, "\033[31m"));
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(piped_phase_is_one_plain_line_at_its_end),
        cmocka_unit_test(live_line_is_rewritten_in_place_and_fits_the_terminal),
        cmocka_unit_test(line_that_stays_is_not_cut),
        cmocka_unit_test(colour_goes_on_and_off_again),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
