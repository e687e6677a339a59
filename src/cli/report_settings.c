#include "cli/report_settings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/expressions.h"
#include "cli/help.h"

#define N_OPTIONS 12u
#define TOP_MAX 1000000u

static const struct report_settings defaults = {.top = 60};

static void make_options(struct report_settings *s, struct option ret[N_OPTIONS]) {
    const struct option options[] = {
        {"top", "N", "Rows of each table, 0 for all", OPTION_NUMBER, &s->top, 0, TOP_MAX},
        {"focus", "REGEX", "Only samples with a matching function, file or object", OPTION_TEXT,
         &s->selection.focus_expression},
        {"ignore", "REGEX", "No samples with such a one", OPTION_TEXT, &s->selection.ignore_expression},
        {"hide", "REGEX", "Leave matching frames out of the stacks", OPTION_TEXT, &s->selection.hide_expression},
        {"sample-index", "NAME", "One table of this sample type (or number): alloc_space", OPTION_TEXT,
         &s->selection.sample_index},
        {"lines", NULL, "One table by line", OPTION_SWITCH, &s->selection.lines},
        {"files", NULL, "One table by function and file", OPTION_SWITCH, &s->selection.files},
        {"tree", NULL, "Who calls whom, as a tree", OPTION_SWITCH, &s->tree},
        {"peek", "REGEX", "Matching functions with their callers and what they call", OPTION_TEXT, &s->peek_expression},
        {"json", NULL, "The figures as JSON", OPTION_SWITCH, &s->json},
        {"html", "FILE", "Write the page there; of a run's folder it is DIR/report.html", OPTION_TEXT, &s->html},
        {"help", NULL, "Show this", OPTION_SWITCH, &s->help},
    };
    _Static_assert(sizeof options == N_OPTIONS * sizeof options[0], "N_OPTIONS counts the rows");
    memcpy(ret, options, sizeof options);
}

int report_settings_help(void) {
    struct report_settings settings = defaults;
    struct option options[N_OPTIONS];
    make_options(&settings, options);
    return help_print(help_report, options, N_OPTIONS);
}

static int refuse(char *why, const char *reason) {
    snprintf(why, OPTIONS_WHY_BYTES, "%s", reason);
    return -EINVAL;
}

static int check(struct report_settings *settings, char *why) {
    if (settings->paths.n == 0)
        return refuse(why, "the folder or file to report on is missing");
    if (settings->tree + (settings->peek_expression != NULL) + settings->json > 1)
        return refuse(why, "--tree, --peek and --json exclude each other");
    if ((settings->tree || settings->peek_expression) && (settings->selection.lines || settings->selection.files))
        return refuse(why, "--tree and --peek are by function: without --lines and --files");
    int error = selection_check(&settings->selection, why);
    return error ? error : expression_make("--peek", settings->peek_expression, &settings->peek, why);
}

int report_settings_parse(int argc, char *const *argv, struct report_settings *ret, char why[OPTIONS_WHY_BYTES]) {
    *ret = defaults;
    struct option options[N_OPTIONS];
    make_options(ret, options);
    int error = options_parse(options, N_OPTIONS, argc, argv, &ret->paths, why);
    if (!error && !ret->help)
        error = check(ret, why);
    return error;
}

void report_settings_done(struct report_settings *settings) {
    if (!settings)
        return;
    free(settings->paths.items);
    selection_done(&settings->selection);
    focus_free(settings->peek);
    *settings = (struct report_settings){0};
}
