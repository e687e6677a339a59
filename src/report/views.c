#include "report/views.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct view_row {
    const char *kind;
    const char *sample_type;
    enum table_group group;
    const char *detail; /* behind the name in the title */
};

static const struct view_row rows[] = {
    {"cpu", "cpu", TABLE_BY_FUNCTION, ""},
    {"allocs", "alloc_space", TABLE_BY_FUNCTION, " (alloc_space)"},
    {"allocs", "alloc_space", TABLE_BY_LINE, " (alloc_space by line)"},
    {"allocs", "alloc_objects", TABLE_BY_LINE, " (alloc_objects by line)"},
    {"heap", "inuse_space", TABLE_BY_FUNCTION, " (inuse_space)"},
    {"mutex", "delay", TABLE_BY_FUNCTION, ""},
    {"block", "delay", TABLE_BY_FUNCTION, ""},
};
#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

/* The kind of a profile with another name: the one whose sample type it shows first. */
static const char *kind_of(const char *name, const struct profile *profile) {
    for (size_t i = 0; i < N_ROWS; i++)
        if (strcmp(rows[i].kind, name) == 0 && profile_find_sample_type(profile, rows[i].sample_type) != PROFILE_NONE)
            return name;
    const char *shown = profile->sample_types[profile_default_sample_type(profile)].type;
    for (size_t i = 0; i < N_ROWS; i++)
        if (strcmp(rows[i].sample_type, shown) == 0)
            return rows[i].kind;
    return "";
}

uint32_t views_find_sample_type(const struct profile *profile, const char *sample_index) {
    if (!sample_index)
        return profile->n_sample_types > 0 ? profile_default_sample_type(profile) : PROFILE_NONE;
    uint32_t found = profile_find_sample_type(profile, sample_index);
    bool is_number = sample_index[0] != '\0' && sample_index[strspn(sample_index, "0123456789")] == '\0';
    if (found != PROFILE_NONE || !is_number)
        return found;
    unsigned long number = strtoul(sample_index, NULL, 10);
    return number < profile->n_sample_types ? (uint32_t)number : PROFILE_NONE;
}

static size_t one_view(const char *name, const struct profile *profile, const char *sample_index,
                       enum table_group group, struct view *ret) {
    uint32_t type = views_find_sample_type(profile, sample_index);
    if (type == PROFILE_NONE)
        return 0;
    *ret = (struct view){.sample_type = type, .group = group};
    snprintf(ret->title, VIEW_TITLE_BYTES, sample_index ? "%.80s (%.40s)" : "%.80s", name,
             profile->sample_types[type].type);
    return 1;
}

size_t views_of(const struct report_phase *phase, const struct report_options *options, struct view ret[VIEWS_MAX]) {
    const struct profile *profile = phase->profile;
    size_t n = 0;
    if (profile->n_sample_types == 0)
        return 0;
    if (options->choice)
        return one_view(phase->name, profile, options->choice->sample_index, options->choice->group, ret);
    const char *kind = kind_of(phase->name, profile);
    for (size_t i = 0; i < N_ROWS; i++) {
        uint32_t type = profile_find_sample_type(profile, rows[i].sample_type);
        if (strcmp(rows[i].kind, kind) != 0 || type == PROFILE_NONE)
            continue;
        ret[n] = (struct view){.sample_type = type, .group = rows[i].group};
        snprintf(ret[n++].title, VIEW_TITLE_BYTES, "%.80s%s", phase->name, rows[i].detail);
    }
    return n > 0 ? n : one_view(phase->name, profile, NULL, TABLE_BY_FUNCTION, ret);
}
