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

int report_write_profiles(const struct report_run *run, const struct report_options *options, struct buffer *ret) {
    for (size_t i = 0; i < run->n_phases; i++) {
        const struct report_phase *phase = &run->phases[i];
        int error = section_profile(ret, phase, options);
        if (error)
            return error;
        if (phase->profile && strcmp(phase->name, "allocs") == 0 && !options->choice)
            section_churn(ret, phase);
    }
    return ret->error;
}

int report_write(const struct report_run *run, const struct report_options *options, struct buffer *ret) {
    add_warnings(ret, run);
    section_load(ret, run);
    return report_write_profiles(run, options, ret);
}
