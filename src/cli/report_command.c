/* piko report DIR|FILE …: tables of saved profiles. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "cli/command.h"
#include "cli/report_settings.h"
#include "cli/saved_run.h"
#include "cli/terminal.h"
#include "report/tree_text.h"
#include "report/views.h"

#define COMPLAINT "piko report: "

/* What the user named, and what was read of it. */
struct work {
    const struct report_settings *settings;
    struct saved_run saved;
    struct report_options options;
    struct report_choice choice;
    unsigned failed; /* files that could not be read or shown */
};

/* ---- reading ----------------------------------------------------------------------------------------------------- */

static void read_one(struct work *work, const char *path) {
    char why[SAVED_WHY_BYTES] = "out of memory";
    if (saved_run_add(&work->saved, path, why) == 0)
        return;
    fprintf(stderr, COMPLAINT "%s\n", why);
    work->failed++;
}

/* "samples, cpu": what can be asked for. */
static void list_sample_types(const struct profile *profile, struct buffer *ret) {
    for (uint32_t i = 0; i < profile->n_sample_types; i++)
        buffer_printf(ret, "%s%s", i > 0 ? ", " : "", profile->sample_types[i].type);
}

/* Every profile that was named must have the sample type; of a run's those that do are shown. */
static bool has_what_was_asked_for(struct work *work) {
    bool any = false;
    for (size_t i = 0; i < work->saved.n_phases; i++) {
        const struct report_phase *phase = &work->saved.phases[i];
        _cleanup_buffer_ struct buffer types = BUFFER_INIT(0);
        if (views_find_sample_type(phase->profile, work->settings->selection.sample_index) != PROFILE_NONE) {
            any = true;
            continue;
        }
        if (work->saved.is_folder)
            continue;
        list_sample_types(phase->profile, &types);
        fprintf(stderr, COMPLAINT "--sample-index %s: %s has no such sample type, but: %s\n",
                work->settings->selection.sample_index ? work->settings->selection.sample_index : "", phase->name,
                types.data ? types.data : "none");
        work->failed++;
    }
    return any;
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static int add_calls(struct work *work, const struct report_phase *phase, uint32_t type, struct buffer *text) {
    if (work->settings->tree)
        return tree_text_add(text, phase->profile, type, &work->options);
    int error = peek_text_add(text, phase->profile, type, work->settings->peek, &work->options);
    if (error != -ENOENT)
        return error;
    buffer_add_string(text, "No function has such a name.\n");
    return 0;
}

static int add_all_calls(struct work *work, struct buffer *text) {
    int error = 0;
    for (size_t i = 0; i < work->saved.n_phases && !error; i++) {
        const struct report_phase *phase = &work->saved.phases[i];
        struct view views[VIEWS_MAX];
        if (views_of(phase, &work->options, views) == 0)
            continue;
        uint32_t type = views[0].sample_type;
        buffer_printf(text, "%s%s: %s, %s\n", i > 0 ? "\n" : "", phase->name, phase->profile->sample_types[type].type,
                      phase->profile->sample_types[type].unit);
        error = add_calls(work, phase, type, text);
    }
    return error ? error : text->error;
}

static int make_text(struct work *work, struct buffer *text) {
    const struct report_run *run = &work->saved.run;
    if (work->settings->json)
        return report_json(run, &work->options, text);
    if (work->settings->tree || work->settings->peek)
        return add_all_calls(work, text);
    return work->saved.is_folder && !work->options.choice ? report_write(run, &work->options, text)
                                                          : report_write_profiles(run, &work->options, text);
}

static int print(struct work *work) {
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(0);
    int error = make_text(work, &text);
    if (error) {
        fprintf(stderr, COMPLAINT "%s\n",
                error == -EFBIG ? "the stacks of a profile have more frames than anybody could look at"
                                : strerror(-error));
        return EXIT_NOTHING;
    }
    error = terminal_deliver(&text, work->settings->json);
    if (error) {
        fprintf(stderr, COMPLAINT "standard output: %s\n", strerror(-error));
        return EXIT_NOTHING;
    }
    return work->failed > 0 ? EXIT_PARTIAL : EXIT_DONE;
}

/* The page goes where --html says, or into the run's folder. A folder that cannot be written to is no error: one may
 * look at what others measured. */
static int write_page(struct work *work) {
    _cleanup_buffer_ struct buffer page = BUFFER_INIT(0);
    _cleanup_free_ char *beside = NULL;
    const char *path = work->settings->html;
    if (!path && !work->saved.is_folder)
        return 0;
    if (!path && asprintf(&beside, "%s/report.html", work->saved.folder) < 0)
        return -ENOMEM;
    int error = report_html(&work->saved.run, &work->options, &page);
    if (!error)
        error = file_write(path ? path : beside, page.data, page.size, FILE_MODE_CAPTURE);
    if (error && (path || (error != -EACCES && error != -EROFS && error != -EPERM))) {
        fprintf(stderr, COMPLAINT "%s: %s\n", path ? path : beside, strerror(-error));
        return error;
    }
    return 0;
}

static int make_report(struct work *work) {
    const struct report_settings *settings = work->settings;
    for (size_t i = 0; i < settings->paths.n; i++)
        read_one(work, settings->paths.items[i]);
    saved_run_seal(&work->saved);
    if (work->saved.n_phases == 0 && !work->saved.run.baseline) {
        if (work->failed == 0)
            fprintf(stderr, COMPLAINT "%s: there is no *.pprof in it\n", settings->paths.items[0]);
        return EXIT_NOTHING;
    }
    if (settings->selection.sample_index && !has_what_was_asked_for(work)) {
        if (work->saved.is_folder)
            fprintf(stderr, COMPLAINT "--sample-index %s: no profile in %s has such a sample type\n",
                    settings->selection.sample_index, settings->paths.items[0]);
        return EXIT_NOTHING;
    }
    if (write_page(work))
        work->failed++;
    return print(work);
}

static int run_report(const struct report_settings *settings) {
    struct work work = {
        .settings = settings,
        .options = {.top = settings->top,
                    .filter = selection_filter(&settings->selection),
                    .form = terminal_form(stdout)},
        .choice = {.sample_index = settings->selection.sample_index, .group = settings->selection.group},
    };
    if (settings->selection.sample_index || settings->selection.lines || settings->selection.files)
        work.options.choice = &work.choice;
    int status = make_report(&work);
    saved_run_done(&work.saved);
    return status;
}

int report_command(int argc, char *const *argv) {
    struct report_settings settings;
    char why[OPTIONS_WHY_BYTES] = "out of memory";
    int status;
    int error = report_settings_parse(argc, argv, &settings, why);
    if (error) {
        fprintf(stderr, COMPLAINT "%s\nTry: piko help report\n", why);
        status = error == -EINVAL ? EXIT_USAGE : EXIT_NOTHING;
    } else {
        status = settings.help ? report_settings_help() : run_report(&settings);
    }
    report_settings_done(&settings);
    return status;
}
