#include "report/report.h"

#include <string.h>

#include "report/sections.h"
#include "report/text.h"

static void add_warnings(struct buffer *text, const struct report_run *run) {
    if (run->n_warnings == 0)
        return;
    text_title(text, "WARNINGS");
    for (size_t i = 0; i < run->n_warnings; i++) {
        buffer_add_string(text, "! ");
        text_add_safe(text, run->warnings[i]);
        buffer_add_string(text, "\n");
    }
}

void report_run_set_load(struct report_run *run, const struct load_figures *load) {
    const struct load_phase *baseline = load_figures_find(load, "baseline");
    run->load = load;
    run->url = load->url;
    run->concurrency = load->concurrency;
    run->baseline = baseline ? baseline->stats : NULL;
    run->warnings = load->warnings;
    run->n_warnings = load->n_warnings;
}

static const struct report_phase *find_phase(const struct report_run *run, const char *name) {
    for (size_t i = 0; i < run->n_phases; i++)
        if (strcmp(run->phases[i].name, name) == 0 && run->phases[i].profile)
            return &run->phases[i];
    return NULL;
}

/* What a phase has beside its tables. */
static int add_extras(struct buffer *text, const struct report_phase *phase, const struct report_options *options) {
    if (!phase->profile || strcmp(phase->name, "allocs") != 0 || options->choice)
        return 0;
    section_churn(text, phase);
    return section_growth(text, phase, options);
}

int report_write_profiles(const struct report_run *run, const struct report_options *options, struct buffer *ret) {
    int error = 0;
    for (size_t i = 0; i < run->n_phases && !error; i++) {
        error = section_profile(ret, &run->phases[i], options);
        if (!error)
            error = add_extras(ret, &run->phases[i], options);
    }
    return error ? error : ret->error;
}

int report_write(const struct report_run *run, const struct report_options *options, struct buffer *ret) {
    add_warnings(ret, run);
    int error = section_findings(ret, run, options);
    if (error)
        return error;
    section_load(ret, run);
    error = report_write_profiles(run, options, ret);
    if (!error)
        error = section_contention(ret, find_phase(run, "mutex"), find_phase(run, "block"), options);
    return error ? error : ret->error;
}
