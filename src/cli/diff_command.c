/* piko diff BEFORE AFTER: two runs or two profiles compared. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "cli/command.h"
#include "cli/diff_settings.h"
#include "cli/saved_run.h"
#include "cli/terminal.h"
#include "report/diff_report.h"
#include "report/text.h"

#define COMPLAINT "piko diff: "
#define SUBJECTS_MAX (SAVED_PROFILES_MAX * DIFF_SUBJECTS_MAX)

enum side { BEFORE, AFTER, SIDES };

struct work {
    const struct diff_settings *settings;
    struct saved_run saved[SIDES];
    struct diff_subject *subjects; /* owned */
    size_t n_subjects;
    struct diff_report report;
    unsigned failed; /* profiles that could not be compared */
};

/* ---- reading ----------------------------------------------------------------------------------------------------- */

static bool read_sides(struct work *work) {
    const char *const *paths = work->settings->paths.items;
    bool ok = true;
    for (enum side side = BEFORE; side < SIDES; side++) {
        char why[SAVED_WHY_BYTES] = "out of memory";
        if (saved_run_add(&work->saved[side], paths[side], why) != 0) {
            fprintf(stderr, COMPLAINT "%s\n", why);
            ok = false;
        } else if (work->saved[side].n_phases == 0) {
            fprintf(stderr, COMPLAINT "%s: there is no *.pprof in it\n", paths[side]);
            ok = false;
        }
        saved_run_seal(&work->saved[side]);
    }
    if (ok && work->saved[BEFORE].is_folder != work->saved[AFTER].is_folder) {
        enum side folder = work->saved[BEFORE].is_folder ? BEFORE : AFTER;
        fprintf(stderr, COMPLAINT "%s is a folder and %s a file: compare two runs, or two profiles\n", paths[folder],
                paths[folder == BEFORE ? AFTER : BEFORE]);
        ok = false;
    }
    return ok;
}

/* ---- what fits together ------------------------------------------------------------------------------------------ */

static const struct report_phase *find_phase(const struct saved_run *saved, const char *name) {
    for (size_t i = 0; i < saved->n_phases; i++)
        if (strcmp(saved->phases[i].name, name) == 0)
            return &saved->phases[i];
    return NULL;
}

/* "cpu in nanoseconds" */
static void add_types(struct buffer *text, const struct profile *profile) {
    for (uint32_t i = 0; i < profile->n_sample_types; i++)
        buffer_printf(text, "%s%s in %s", i > 0 ? ", " : "", profile->sample_types[i].type,
                      profile->sample_types[i].unit);
    if (profile->n_sample_types == 0)
        buffer_add_string(text, "none");
}

static void complain_of_types(const struct work *work, const struct report_phase *before,
                              const struct report_phase *after) {
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(0), safe = BUFFER_INIT(0);
    const char *asked = work->settings->selection.sample_index;
    buffer_printf(&text, "%s", before->name);
    if (asked)
        buffer_printf(&text, ": --sample-index %s is not in both; before: ", asked);
    else
        buffer_add_string(&text, ": the profiles have no sample type in common; before: ");
    add_types(&text, before->profile);
    buffer_add_string(&text, "; after: ");
    add_types(&text, after->profile);
    text_add_safe(&safe, text.data ? text.data : "");
    fprintf(stderr, COMPLAINT "%s\n", safe.data ? safe.data : "");
}

static void add_pair(struct work *work, const struct report_phase *before, const struct report_phase *after) {
    size_t n =
        diff_subjects_of(before, after, work->settings->selection.sample_index, &work->subjects[work->n_subjects]);
    work->n_subjects += n;
    if (n > 0)
        return;
    /* Of a run only some profiles have what was asked for. */
    if (work->settings->selection.sample_index && work->saved[BEFORE].is_folder)
        return;
    complain_of_types(work, before, after);
    work->failed++;
}

static void complain_of_missing(struct work *work, enum side side, const char *name) {
    fprintf(stderr, COMPLAINT "%s: there is no %s.pprof in it, as there is in %s\n", work->settings->paths.items[side],
            name, work->settings->paths.items[side == BEFORE ? AFTER : BEFORE]);
    work->failed++;
}

static void pair_up(struct work *work) {
    struct saved_run *before = &work->saved[BEFORE], *after = &work->saved[AFTER];
    if (!before->is_folder) {
        add_pair(work, &before->phases[0], &after->phases[0]);
        return;
    }
    for (size_t i = 0; i < before->n_phases; i++) {
        const struct report_phase *partner = find_phase(after, before->phases[i].name);
        if (partner)
            add_pair(work, &before->phases[i], partner);
        else
            complain_of_missing(work, AFTER, before->phases[i].name);
    }
    for (size_t i = 0; i < after->n_phases; i++)
        if (!find_phase(before, after->phases[i].name))
            complain_of_missing(work, BEFORE, after->phases[i].name);
    if (work->n_subjects == 0 && work->failed == 0)
        fprintf(stderr, COMPLAINT "--sample-index %s: no profile of these runs has such a sample type\n",
                work->settings->selection.sample_index);
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static const char *reason_of(int error) {
    if (error == -EFBIG)
        return "the stacks of a profile have more frames than anybody could look at";
    if (error == -ENODATA)
        return "--per: what values should be divided by is not known of both sides; requests stand in FILE.stats, "
               "seconds in the profile";
    return strerror(-error);
}

static int write_page(const struct work *work) {
    _cleanup_buffer_ struct buffer page = BUFFER_INIT(0);
    const char *path = work->settings->html;
    int error = diff_report_html(&work->report, &page);
    if (error) {
        fprintf(stderr, COMPLAINT "%s\n", reason_of(error));
        return error;
    }
    error = file_write(path, page.data, page.size, FILE_MODE_CAPTURE);
    if (error)
        fprintf(stderr, COMPLAINT "%s: %s\n", path, strerror(-error));
    return error;
}

static int print(const struct work *work) {
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(0);
    bool json = work->settings->json;
    int error = json ? diff_report_json(&work->report, &text) : diff_report_text(&work->report, &text);
    if (error) {
        fprintf(stderr, COMPLAINT "%s\n", reason_of(error));
        return EXIT_NOTHING;
    }
    error = terminal_deliver(&text, json);
    if (error) {
        fprintf(stderr, COMPLAINT "standard output: %s\n", strerror(-error));
        return EXIT_NOTHING;
    }
    return EXIT_DONE;
}

static void make_report(struct work *work) {
    const struct diff_settings *settings = work->settings;
    work->report = (struct diff_report){
        .before_name = settings->paths.items[BEFORE],
        .after_name = settings->paths.items[AFTER],
        .before_load = work->saved[BEFORE].run.baseline,
        .after_load = work->saved[AFTER].run.baseline,
        .subjects = work->subjects,
        .n_subjects = work->n_subjects,
        .group = settings->selection.group,
        .per = settings->per,
        .by_cum = settings->cum,
        .top = settings->top,
        .filter = selection_filter(&settings->selection),
        .form = terminal_form(stdout),
    };
}

static int compare(struct work *work) {
    if (!read_sides(work))
        return EXIT_NOTHING;
    work->subjects = calloc(SUBJECTS_MAX, sizeof(*work->subjects));
    if (!work->subjects)
        return EXIT_NOTHING;
    pair_up(work);
    if (work->n_subjects == 0)
        return EXIT_NOTHING;
    make_report(work);
    int status = print(work);
    if (status == EXIT_DONE && work->settings->html && write_page(work))
        work->failed++;
    return status == EXIT_DONE && work->failed > 0 ? EXIT_PARTIAL : status;
}

static int run_diff(const struct diff_settings *settings) {
    struct work work = {.settings = settings};
    int status = compare(&work);
    free(work.subjects);
    for (enum side side = BEFORE; side < SIDES; side++)
        saved_run_done(&work.saved[side]);
    return status;
}

int diff_command(int argc, char *const *argv) {
    struct diff_settings settings;
    char why[OPTIONS_WHY_BYTES] = "out of memory";
    int status;
    int error = diff_settings_parse(argc, argv, &settings, why);
    if (error) {
        fprintf(stderr, COMPLAINT "%s\nTry: piko help diff\n", why);
        status = error == -EINVAL ? EXIT_USAGE : EXIT_NOTHING;
    } else {
        status = settings.help ? diff_settings_help() : run_diff(&settings);
    }
    diff_settings_done(&settings);
    return status;
}
