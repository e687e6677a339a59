/* Both sides of lock contention, one below the other: who held a lock while others waited, and who waited. Which waiter
 * waited for which holder is not in the profiles. */
#include <inttypes.h>
#include <string.h>

#include "report/sections.h"
#include "report/sites.h"
#include "report/table_text.h"
#include "report/text.h"
#include "report/units.h"

#define FIGURES_WIDTH 46u

static void add_side(struct buffer *text, const char *title, const struct sites *sites, uint64_t requests,
                     const struct report_options *options) {
    const struct text_form *form = &options->form;
    buffer_printf(text, "\n%12s %7s %10s %12s  %s\n", "wait", "share", "waits", requests > 0 ? "wait/request" : "",
                  title);
    size_t n = options->top > 0 && options->top < sites->n ? options->top : sites->n;
    for (size_t i = 0; i < n; i++) {
        const struct site *site = &sites->rows[i];
        struct table_row place = {.function = site->function, .file = site->file, .line = site->line};
        struct units_text per_request = {.text = ""};
        if (requests > 0)
            per_request = units_mean((double)site->value / (double)requests, "nanoseconds");
        buffer_printf(text, "%12s %7s %10" PRId64 " %12s  ", units_value(site->value, "nanoseconds").text,
                      units_percent(site->value, sites->value).text, site->count, per_request.text);
        table_text_add_place(text, &place, form->width > FIGURES_WIDTH + 16 ? form->width - FIGURES_WIDTH : form->width,
                             form->utf8);
        buffer_add_string(text, "\n");
    }
    if (n == 0)
        buffer_printf(text, "%12s  nobody\n", "-");
    if (n < sites->n)
        buffer_printf(text, "%zu more place%s left out\n", sites->n - n, sites->n - n == 1 ? " is" : "s are");
}

static int build(const struct report_phase *phase, const struct report_options *options, struct sites *ret) {
    uint32_t delay = phase && phase->profile ? profile_find_sample_type(phase->profile, "delay") : PROFILE_NONE;
    *ret = (struct sites){0};
    if (delay == PROFILE_NONE)
        return 0;
    return sites_build(phase->profile, delay, profile_find_sample_type(phase->profile, "contentions"), &options->filter,
                       ret);
}

int section_contention(struct buffer *text, const struct report_phase *mutex, const struct report_phase *block,
                       const struct report_options *options) {
    struct sites holders, waiters = {0};
    int error = build(mutex, options, &holders);
    if (!error)
        error = build(block, options, &waiters);
    if (!error && holders.n + waiters.n > 0) {
        text_title(text, "CONTENTION (both sides)");
        buffer_add_string(text, "Own code, by line: calls of the standard libraries count for who made them.\n");
        if (holders.n > 0)
            add_side(text, "locks held in, while others waited", &holders, mutex->requests, options);
        if (waiters.n > 0)
            add_side(text, "waited in, for locks and each other", &waiters, block->requests, options);
    }
    sites_done(&holders);
    sites_done(&waiters);
    return error;
}
