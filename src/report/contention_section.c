/* Both sides of lock contention: lock by lock, who held it and who waited for it, side by side, as far as the profiles say
 * which lock a wait was for; then all who held locks while others waited, and all who waited. */
#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "report/locks.h"
#include "report/names.h"
#include "report/sections.h"
#include "report/sites.h"
#include "report/table_text.h"
#include "report/text.h"
#include "report/units.h"

#define FIGURES_WIDTH 46u
#define LOCK_FIGURES_WIDTH 26u /* and two shares of 8 behind the places */
#define LOCK_PLACE_WIDTH_LEAST 16u
#define LOCK_NAME_WIDTH 14u /* as long as an address is */
#define LOCK_SITES_MAX 4u   /* on each side of a lock */

static struct table_row place_of(const struct site *site) {
    return (struct table_row){.function = site->function, .file = site->file, .line = site->line};
}

static void add_side(struct buffer *text, const char *title, const struct sites *sites, uint64_t requests,
                     const struct report_options *options) {
    const struct text_form *form = &options->form;
    buffer_printf(text, "\n%12s %7s %10s %12s  %s\n", "wait", "share", "waits", requests > 0 ? "wait/request" : "",
                  title);
    size_t n = options->top > 0 && options->top < sites->n ? options->top : sites->n;
    for (size_t i = 0; i < n; i++) {
        const struct site *site = &sites->rows[i];
        struct table_row place = place_of(site);
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

/* Characters of the longest place of a holder, as it is. */
static unsigned widest_holder(const struct locks *locks) {
    size_t widest = 0;
    for (size_t i = 0; i < locks->n; i++) {
        const struct sites *holders = &locks->items[i].holders;
        for (size_t j = 0; j < holders->n && j < LOCK_SITES_MAX; j++) {
            _cleanup_buffer_ struct buffer place = BUFFER_INIT(0);
            struct table_row row = place_of(&holders->rows[j]);
            table_text_add_place(&place, &row, 0, true);
            size_t width = name_width(place.data ? place.data : "");
            widest = width > widest ? width : widest;
        }
    }
    return (unsigned)widest;
}

/* "cache_get  cache.c:68", filled up to `width`, and its share of that side. */
static void add_lock_site(struct buffer *text, const struct sites *sites, size_t index, unsigned width,
                          const struct text_form *form) {
    _cleanup_buffer_ struct buffer place = BUFFER_INIT(0);
    if (index < sites->n && index < LOCK_SITES_MAX) {
        const struct site *site = &sites->rows[index];
        struct table_row row = place_of(site);
        table_text_add_place(&place, &row, form->width > 0 ? width : 0, form->utf8);
        buffer_printf(&place, " %s", units_percent(site->value, sites->value).text);
    } else if (index == 0) {
        buffer_add_string(&place, "-");
    }
    const char *string = place.data ? place.data : "";
    size_t used = name_width(string);
    buffer_printf(text, "  %s%*s", string, used < width + 8 ? (int)(width + 8 - used) : 0, "");
}

static void trim(struct buffer *text) {
    while (text->size > 0 && text->data[text->size - 1] == ' ')
        text->data[--text->size] = '\0';
}

static void add_lock(struct buffer *text, const struct lock *lock, unsigned width, const struct text_form *form) {
    _cleanup_buffer_ struct buffer safe = BUFFER_INIT(0), name = BUFFER_INIT(0);
    size_t n = lock->holders.n > lock->waiters.n ? lock->holders.n : lock->waiters.n;
    text_add_safe(&safe, lock->name);
    name_shorten(safe.data ? safe.data : "", LOCK_NAME_WIDTH, form->utf8, &name);
    for (size_t i = 0; i == 0 || (i < n && i < LOCK_SITES_MAX); i++) {
        if (i == 0)
            buffer_printf(text, "%10s %-14s", units_value(lock->wait_ns, "nanoseconds").text,
                          name.data ? name.data : "");
        else
            buffer_printf(text, "%25s", "");
        add_lock_site(text, &lock->holders, i, width, form);
        add_lock_site(text, &lock->waiters, i, width, form);
        trim(text);
        buffer_add_string(text, "\n");
    }
}

static int add_locks(struct buffer *text, const struct report_phase *mutex, const struct report_phase *block,
                     const struct report_options *options) {
    const struct text_form *form = &options->form;
    unsigned width = LOCK_PLACE_WIDTH_LEAST;
    struct locks locks;
    int error = locks_build(mutex ? mutex->profile : NULL, block ? block->profile : NULL, &options->filter, &locks);
    if (error || locks.n == 0)
        return error;
    if (form->width > LOCK_FIGURES_WIDTH + 2 * (LOCK_PLACE_WIDTH_LEAST + 10))
        width = (form->width - LOCK_FIGURES_WIDTH) / 2 - 10;
    else if (form->width == 0)
        width = widest_holder(&locks);
    buffer_printf(text, "\n%10s %-14s  %-*s  %s\n", "wait", "lock", (int)width + 8, "held in", "waited for in");
    for (size_t i = 0; i < locks.n; i++)
        add_lock(text, &locks.items[i], width, form);
    if (locks.n_left_out > 0)
        buffer_printf(text, "%zu more locks are left out\n", locks.n_left_out);
    locks_done(&locks);
    return 0;
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
        error = add_locks(text, mutex, block, options);
        if (holders.n > 0)
            add_side(text, "locks held in, while others waited", &holders, mutex->requests, options);
        if (waiters.n > 0)
            add_side(text, "waited in, for locks and each other", &waiters, block->requests, options);
    }
    sites_done(&holders);
    sites_done(&waiters);
    return error;
}
