#include "cli/diff_settings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/help.h"

#define N_OPTIONS 12u
#define TOP_MAX 1000000u

static const struct diff_settings defaults = {.top = 60, .per_name = "best"};

static void make_options(struct diff_settings *s, struct option ret[N_OPTIONS]) {
    const struct option options[] = {
        {"top", "N", "Rows of each table, 0 for all", OPTION_NUMBER, &s->top, 0, TOP_MAX},
        {"per", "WHAT", "Values of a request, a second, or the whole run", OPTION_TEXT, &s->per_name},
        {"cum", NULL, "Compare functions with all that they call", OPTION_SWITCH, &s->cum},
        {"sample-index", "NAME", "Compare this sample type (or number): alloc_space", OPTION_TEXT,
         &s->selection.sample_index},
        {"focus", "REGEX", "Only samples with a matching function, file or object", OPTION_TEXT,
         &s->selection.focus_expression},
        {"ignore", "REGEX", "No samples with such a one", OPTION_TEXT, &s->selection.ignore_expression},
        {"hide", "REGEX", "Leave matching frames out of the stacks", OPTION_TEXT, &s->selection.hide_expression},
        {"lines", NULL, "Compare line by line", OPTION_SWITCH, &s->selection.lines},
        {"files", NULL, "Compare functions file by file", OPTION_SWITCH, &s->selection.files},
        {"json", NULL, "The figures as JSON", OPTION_SWITCH, &s->json},
        {"html", "FILE", "Write a page there too, with flame graphs in the colours of change", OPTION_TEXT, &s->html},
        {"help", NULL, "Show this", OPTION_SWITCH, &s->help},
    };
    _Static_assert(sizeof options == N_OPTIONS * sizeof options[0], "N_OPTIONS counts the rows");
    memcpy(ret, options, sizeof options);
}

int diff_settings_help(void) {
    struct diff_settings settings = defaults;
    struct option options[N_OPTIONS];
    make_options(&settings, options);
    return help_print(help_diff, options, N_OPTIONS);
}

static int refuse(char *why, const char *reason) {
    snprintf(why, OPTIONS_WHY_BYTES, "%s", reason);
    return -EINVAL;
}

static int find_per(const char *name, enum diff_per *ret, char *why) {
    for (enum diff_per per = DIFF_PER_BEST; per <= DIFF_PER_RUN; per++) {
        if (strcmp(name, diff_per_name(per)) != 0)
            continue;
        *ret = per;
        return 0;
    }
    snprintf(why, OPTIONS_WHY_BYTES, "--per must be request, second, run or best, not \"%.100s\"", name);
    return -EINVAL;
}

static int check(struct diff_settings *settings, char *why) {
    if (settings->paths.n != 2)
        return refuse(why, settings->paths.n < 2 ? "two folders or two files are needed: BEFORE and AFTER"
                                                 : "only two folders or files can be compared: BEFORE and AFTER");
    int error = find_per(settings->per_name, &settings->per, why);
    return error ? error : selection_check(&settings->selection, why);
}

int diff_settings_parse(int argc, char *const *argv, struct diff_settings *ret, char why[OPTIONS_WHY_BYTES]) {
    *ret = defaults;
    struct option options[N_OPTIONS];
    make_options(ret, options);
    int error = options_parse(options, N_OPTIONS, argc, argv, &ret->paths, why);
    if (!error && !ret->help)
        error = check(ret, why);
    return error;
}

void diff_settings_done(struct diff_settings *settings) {
    if (!settings)
        return;
    free(settings->paths.items);
    selection_done(&settings->selection);
    *settings = (struct diff_settings){0};
}
