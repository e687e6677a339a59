#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cli/options.h"

#include <cmocka.h>

#define WORDS_MAX 16
#define N_OPTIONS 5u

struct line {
    bool loud, help;
    unsigned port;
    const char *output;
    struct option_list headers, arguments;
    char why[OPTIONS_WHY_BYTES];
    char words[WORDS_MAX][64]; /* what the pointers above point into */
};

static void make_options(struct line *line, struct option ret[N_OPTIONS]) {
    *line = (struct line){.port = 6060, .output = "pprof"};
    const struct option options[] = {
        {"port", "PORT", "Port of it", OPTION_NUMBER, &line->port, 1, 65535},
        {"output", "FOLDER", "Where files go", OPTION_TEXT, &line->output},
        {"header", "HEADER", "Header of each request", OPTION_LIST, &line->headers},
        {"loud", NULL, "Say more", OPTION_SWITCH, &line->loud},
        {"help", NULL, "Show this", OPTION_SWITCH, &line->help},
    };
    memcpy(ret, options, sizeof options);
}

/* Parse a line of words with single blanks between. */
static int parse(struct line *line, const char *text) {
    struct option options[N_OPTIONS];
    make_options(line, options);
    char *argv[WORDS_MAX];
    int argc = 0;
    for (const char *word = text; word; word = strchr(word, ' ') ? strchr(word, ' ') + 1 : NULL) {
        size_t length = strcspn(word, " ");
        assert_true(argc < WORDS_MAX && length < sizeof line->words[0]);
        memcpy(line->words[argc], word, length);
        argv[argc] = line->words[argc];
        argc++;
    }
    return options_parse(options, N_OPTIONS, argc, argv, &line->arguments, line->why);
}

static void line_done(struct line *line) {
    free(line->headers.items);
    free(line->arguments.items);
}

static void expect_wrong(const char *text, const char *why) {
    struct line line;
    assert_int_equal(parse(&line, text), -EINVAL);
    assert_string_equal(line.why, why);
    line_done(&line);
}

static void flags_may_stand_anywhere_in_each_spelling(void **state) {
    (void)state;
    static const char *const lines[] = {
        "--port 7 --output x --loud URL",
        "URL -port 7 -output x -loud",
        "--port=7 URL --output=x --loud=true",
        "-port=7 -loud URL -output=x",
        "--output x URL --port 7 -loud=1",
        "--port 9 URL --port 7 --output x --loud",
        "--loud=false --port 7 --output x --loud -- URL",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct line line;
        assert_int_equal(parse(&line, lines[i]), 0);
        assert_int_equal(line.port, 7);
        assert_string_equal(line.output, "x");
        assert_true(line.loud);
        assert_int_equal(line.arguments.n, 1);
        assert_string_equal(line.arguments.items[0], "URL");
        line_done(&line);
    }
}

static void list_keeps_every_value_in_order(void **state) {
    (void)state;
    struct line line;
    assert_int_equal(parse(&line, "--header A:1 URL -header=B:2=3 --header ''"), 0);
    assert_int_equal(line.headers.n, 3);
    assert_string_equal(line.headers.items[0], "A:1");
    assert_string_equal(line.headers.items[1], "B:2=3");
    line_done(&line);
}

static void double_dash_ends_flags(void **state) {
    (void)state;
    struct line line;
    assert_int_equal(parse(&line, "--loud -- --port -- -"), 0);
    assert_int_equal(line.arguments.n, 3);
    assert_string_equal(line.arguments.items[0], "--port");
    assert_string_equal(line.arguments.items[1], "--");
    assert_int_equal(line.port, 6060);
    line_done(&line);
}

static void h_is_help(void **state) {
    (void)state;
    struct line line;
    assert_int_equal(parse(&line, "-h"), 0);
    assert_true(line.help);
    line_done(&line);
}

static void wrong_numbers_name_the_flag_and_its_range(void **state) {
    (void)state;
    expect_wrong("--port 0", "--port must be a whole number from 1 to 65535, not \"0\"");
    expect_wrong("--port -1", "--port must be a whole number from 1 to 65535, not \"-1\"");
    expect_wrong("-port 65536", "--port must be a whole number from 1 to 65535, not \"65536\"");
    expect_wrong("--port=99999999999999999999999", "--port must be a whole number from 1 to 65535, not "
                                                   "\"99999999999999999999999\"");
    expect_wrong("--port 1.5", "--port must be a whole number from 1 to 65535, not \"1.5\"");
    expect_wrong("--port 5s", "--port must be a whole number from 1 to 65535, not \"5s\"");
    expect_wrong("--port=", "--port must be a whole number from 1 to 65535, not \"\"");
    expect_wrong("--port 0x10", "--port must be a whole number from 1 to 65535, not \"0x10\"");
}

static void unknown_flag_is_named_with_the_closest_known_one(void **state) {
    (void)state;
    expect_wrong("--prot 1", "unknown flag --prot; did you mean --port?");
    expect_wrong("-ouput=x", "unknown flag -ouput; did you mean --output?");
    expect_wrong("--nonsense", "unknown flag --nonsense");
}

static void missing_and_empty_values_are_refused(void **state) {
    (void)state;
    expect_wrong("URL --output", "--output needs a value: --output FOLDER");
    expect_wrong("URL --output=", "--output must not be empty");
    expect_wrong("--loud=maybe", "--loud takes no value but true or false, not \"maybe\"");
}

static void help_shows_flags_with_their_defaults(void **state) {
    (void)state;
    struct line line;
    struct option options[N_OPTIONS];
    struct buffer help = BUFFER_INIT(0);
    make_options(&line, options);
    assert_int_equal(options_help(options, N_OPTIONS, &help), 0);
    assert_string_equal(help.data, "  --port PORT              Port of it (default 6060)\n"
                                   "  --output FOLDER          Where files go (default pprof)\n"
                                   "  --header HEADER          Header of each request (repeatable)\n"
                                   "  --loud                   Say more\n"
                                   "  --help                   Show this\n");
    buffer_done(&help);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flags_may_stand_anywhere_in_each_spelling),
        cmocka_unit_test(list_keeps_every_value_in_order),
        cmocka_unit_test(double_dash_ends_flags),
        cmocka_unit_test(h_is_help),
        cmocka_unit_test(wrong_numbers_name_the_flag_and_its_range),
        cmocka_unit_test(unknown_flag_is_named_with_the_closest_known_one),
        cmocka_unit_test(missing_and_empty_values_are_refused),
        cmocka_unit_test(help_shows_flags_with_their_defaults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
