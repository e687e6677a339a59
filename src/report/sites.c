#include "report/sites.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "report/table.h"

/* Names of the standard libraries of C, C++, Rust and Go, and of what stands between them and the kernel. */
static const char plumbing[] =
    "^(?:"
    "(?:_*(?:GI_)?_*(?:libc_)?)?(?:pthread_|futex|lll_|sem_|cnd_|mtx_|clone|start_thread|syscall$|malloc|calloc|"
    "realloc|"
    "reallocarray|memalign|posix_memalign|aligned_alloc|valloc|strdup|strndup|asprintf|vasprintf|free)|"
    "_int_|sysmalloc|new_sem_|new_cond_|operator new|operator delete|__gthread_|__gnu_cxx::|std::|"
    "<?(?:core|alloc|std|hashbrown|parking_lot|parking_lot_core|lock_api)::|__rust_|__rdl_|<&?(?:core|alloc|std)::|"
    "runtime\\.|sync\\.|internal/|strings\\.|bytes\\.|fmt\\.|reflect\\."
    ")";

static int name_plumbing(const struct frames *frames, bool **ret) {
    struct focus *focus = NULL;
    bool *is_plumbing = calloc((size_t)frames->n_functions + 1, sizeof(*is_plumbing));
    int error = is_plumbing ? focus_new(plumbing, &focus, NULL, 0) : -ENOMEM;
    if (error) {
        free(is_plumbing);
        return error;
    }
    for (uint32_t i = 0; i < frames->n_lines; i++)
        if (i == 0 || frames->lines[i].function != frames->lines[i - 1].function)
            is_plumbing[frames->lines[i].function] = focus_matches(focus, frames->lines[i].name);
    focus_free(focus);
    *ret = is_plumbing;
    return 0;
}

static int64_t add(int64_t a, int64_t b) {
    return (int64_t)((uint64_t)a + (uint64_t)b);
}

/* The leaf itself when all of the stack is plumbing. */
static uint32_t own_line(const struct stacks *stacks, const bool *is_plumbing) {
    for (uint32_t i = 0; i < stacks->n_lines; i++)
        if (!is_plumbing[stacks->frames.lines[stacks->lines[i]].function])
            return stacks->lines[i];
    return stacks->lines[0];
}

static void count(struct stacks *stacks, const bool *is_plumbing, uint32_t value_type, uint32_t count_type,
                  struct site *by_line) {
    for (size_t i = 0; i < stacks->profile->n_samples; i++) {
        const struct profile_sample *sample = &stacks->profile->samples[i];
        if (!stacks_read(stacks, sample) || stacks->n_lines == 0)
            continue;
        struct site *site = &by_line[own_line(stacks, is_plumbing)];
        site->value = add(site->value, sample->values[value_type]);
        if (count_type != PROFILE_NONE)
            site->count = add(site->count, sample->values[count_type]);
    }
}

static int compare_sites(const void *left, const void *right) {
    const struct site *a = left, *b = right;
    if (a->value != b->value)
        return a->value > b->value ? -1 : 1;
    int order = strcmp(a->function, b->function);
    return order ? order : (a->line > b->line) - (a->line < b->line);
}

int sites_build(const struct profile *profile, uint32_t value_type, uint32_t count_type, const struct filter *filter,
                struct sites *ret) {
    struct stacks stacks;
    struct sites sites = {.value = table_whole(profile, value_type)};
    _cleanup_free_ bool *is_plumbing = NULL;
    if (count_type != PROFILE_NONE)
        sites.count = table_whole(profile, count_type);
    int error = stacks_make(profile, filter, &stacks);
    if (error)
        return error;
    error = name_plumbing(&stacks.frames, &is_plumbing);
    sites.rows = calloc((size_t)stacks.frames.n_lines + 1, sizeof(*sites.rows));
    if (!error && !sites.rows)
        error = -ENOMEM;
    if (error) {
        free(sites.rows);
        stacks_done(&stacks);
        return error;
    }
    count(&stacks, is_plumbing, value_type, count_type, sites.rows);
    for (uint32_t i = 0; i < stacks.frames.n_lines; i++) {
        const struct frame_line *line = &stacks.frames.lines[i];
        struct site site = sites.rows[i];
        site.function = line->name;
        site.file = line->file;
        site.line = line->line;
        if (site.value > 0)
            sites.rows[sites.n++] = site;
    }
    qsort(sites.rows, sites.n, sizeof(*sites.rows), compare_sites);
    sites.strings = stacks.frames.strings;
    stacks.frames.strings = NULL;
    stacks_done(&stacks);
    *ret = sites;
    return 0;
}

void sites_done(struct sites *sites) {
    free(sites->rows);
    free(sites->strings);
    *sites = (struct sites){0};
}
