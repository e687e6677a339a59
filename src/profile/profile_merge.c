/* Sums and differences of profiles, with pprof's idea of what is the same thing in two of them: a mapping is the same
 * file region, wherever it was loaded; its locations move with it. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/grow.h"
#include "profile/index.h"
#include "profile/profile.h"

struct merger {
    struct profile *into;
    struct hash_table regions; /* mappings of `into` by region */
    /* The source at hand: from its indexes to those of `into`, PROFILE_NONE = not needed so far. */
    const struct profile *source;
    double scale;
    const uint32_t
        *picked; /* of a pair: its sample types, each the `side`-th of two columns; NULL = all, as they are */
    uint32_t side;
    uint32_t *mappings, *functions, *locations;
    struct arena scratch;
};

/* ---- Headers --------------------------------------------------------------------------------------------------- */

static bool same_string(const char *a, const char *b) {
    return strcmp(a ? a : "", b ? b : "") == 0;
}

static bool same_type(const struct profile_value_type *a, const struct profile_value_type *b) {
    return same_string(a->type, b->type) && same_string(a->unit, b->unit);
}

static bool fit_together(const struct profile *a, const struct profile *b) {
    if (a->n_sample_types != b->n_sample_types || !same_type(&a->period_type, &b->period_type))
        return false;
    for (uint32_t i = 0; i < a->n_sample_types; i++)
        if (!same_type(&a->sample_types[i], &b->sample_types[i]))
            return false;
    return true;
}

static void start_header(struct profile *into, const struct profile *first) {
    for (uint32_t i = 0; i < first->n_sample_types; i++)
        profile_add_sample_type(into, first->sample_types[i].type, first->sample_types[i].unit);
    if (first->period_type.type || first->period_type.unit) {
        into->period_type.type = profile_intern(into, first->period_type.type);
        into->period_type.unit = profile_intern(into, first->period_type.unit);
    }
    into->drop_frames = profile_intern(into, first->drop_frames);
    into->keep_frames = profile_intern(into, first->keep_frames);
}

static void add_comments(struct profile *into, const struct profile *source, struct string_set *seen) {
    for (uint32_t i = 0; i < source->n_comments; i++) {
        uint32_t n = seen->n_entries;
        if (string_set_add(seen, source->comments[i], strlen(source->comments[i])) == HASH_NONE)
            into->error = -ENOMEM;
        else if (seen->n_entries > n)
            profile_add_comment(into, "%s", source->comments[i]);
    }
}

static void merge_headers(struct profile *into, const struct profile *const *profiles, size_t n) {
    struct string_set seen = {0};
    start_header(into, profiles[0]);
    for (size_t i = 0; i < n; i++) {
        const struct profile *source = profiles[i];
        if (source->time_nanos > into->time_nanos)
            into->time_nanos = source->time_nanos;
        if (source->period > into->period)
            into->period = source->period;
        into->duration_nanos = profile_add_values(into->duration_nanos, source->duration_nanos);
        if (!into->default_sample_type[0])
            into->default_sample_type = profile_intern(into, source->default_sample_type);
        if (!into->doc_url[0])
            into->doc_url = profile_intern(into, source->doc_url);
        add_comments(into, source, &seen);
    }
    string_set_done(&seen);
}

/* ---- Tables ---------------------------------------------------------------------------------------------------- */

static const char *region_name(const struct profile_mapping *mapping) {
    return mapping->build_id[0] ? mapping->build_id : mapping->file;
}

static uint32_t hash_region(const struct profile_mapping *mapping) {
    const char *name = region_name(mapping);
    uint64_t hash = hash_bytes(hash_seed(), name, strlen(name));
    return hash_end(hash_word(hash_word(hash, mapping->limit - mapping->start), mapping->offset));
}

static bool same_region(const struct profile_mapping *a, const struct profile_mapping *b) {
    const char *name = region_name(a);
    if (a->offset != b->offset || a->limit - a->start != b->limit - b->start || strcmp(name, region_name(b)))
        return false;
    return name[0] || a->start == b->start; /* without a name only the address says what it is */
}

static uint32_t merge_mapping(struct merger *merger, uint32_t number) {
    struct profile *into = merger->into;
    if (number == PROFILE_NONE || merger->mappings[number] != PROFILE_NONE)
        return number == PROFILE_NONE ? PROFILE_NONE : merger->mappings[number];
    const struct profile_mapping *mapping = &merger->source->mappings[number];
    uint32_t hash = hash_region(mapping), found;
    for (size_t at = hash; (found = hash_table_next(&merger->regions, hash, &at)) != HASH_NONE;)
        if (same_region(&into->mappings[found], mapping))
            return merger->mappings[number] = found;
    found = profile_add_mapping(into, mapping);
    if (found != PROFILE_NONE && hash_table_insert(&merger->regions, hash, found))
        into->error = -ENOMEM;
    return merger->mappings[number] = found;
}

static uint32_t merge_function(struct merger *merger, uint32_t number) {
    uint32_t *known = &merger->functions[number];
    if (*known == PROFILE_NONE)
        *known = profile_add_function(merger->into, &merger->source->functions[number]);
    return *known;
}

static uint32_t merge_location(struct merger *merger, uint32_t number) {
    uint32_t *known = &merger->locations[number];
    if (*known != PROFILE_NONE)
        return *known;
    struct profile_location location = merger->source->locations[number];
    struct profile_line *lines = arena_alloc(&merger->scratch, location.n_lines * sizeof *lines);
    if (!lines)
        return PROFILE_NONE;
    for (uint32_t i = 0; i < location.n_lines; i++)
        lines[i] = (struct profile_line){.function = merge_function(merger, location.lines[i].function),
                                         .line = location.lines[i].line};
    location.lines = lines;
    uint32_t mapping = merge_mapping(merger, location.mapping);
    if (merger->into->error)
        return PROFILE_NONE;
    if (mapping != PROFILE_NONE) {
        uint64_t distance = merger->into->mappings[mapping].start - merger->source->mappings[location.mapping].start;
        location.address += distance;
        location.function_start += location.function_start ? distance : 0;
    }
    location.mapping = mapping;
    return *known = profile_add_location(merger->into, &location);
}

/* ---- Samples --------------------------------------------------------------------------------------------------- */

/* As pprof scales: rounded to nearest. 1 and -1 are exact, beyond the 53 bits of a double too. */
static int64_t scaled(int64_t value, double scale) {
    if (scale == 1)
        return value;
    if (scale == -1)
        return value == INT64_MIN ? INT64_MAX : -value;
    double product = round((double)value * scale);
    if (product >= 0x1p63)
        return INT64_MAX;
    return product > -0x1p63 ? (int64_t)product : INT64_MIN;
}

static bool all_zero(const struct profile_sample *sample, uint32_t n) {
    for (uint32_t i = 0; i < n; i++)
        if (sample->values[i])
            return false;
    return true;
}

static void place_values(const struct merger *merger, const struct profile_sample *sample, int64_t *ret) {
    for (uint32_t i = 0; i < merger->into->n_sample_types; i++) {
        if (!merger->picked)
            ret[i] = scaled(sample->values[i], merger->scale);
        else
            ret[i] = i % 2 == merger->side && merger->picked[i / 2] != PROFILE_NONE
                         ? sample->values[merger->picked[i / 2]]
                         : 0;
    }
}

static int merge_sample(struct merger *merger, const struct profile_sample *sample) {
    struct profile *into = merger->into;
    struct profile_sample merged = *sample;
    int64_t values[PROFILE_SAMPLE_TYPES_MAX];
    merged.values = values;
    place_values(merger, sample, values);
    merged.locations = arena_alloc(&merger->scratch, sample->n_locations * sizeof *merged.locations);
    if (!merged.locations)
        return -ENOMEM;
    for (uint32_t i = 0; i < sample->n_locations; i++)
        merged.locations[i] = merge_location(merger, sample->locations[i]);
    if (merger->scratch.error)
        return merger->scratch.error;
    return into->error ? into->error : profile_add_sample(into, &merged);
}

static uint32_t *new_map(size_t n) {
    uint32_t *map = reallocarray(NULL, n + 1, sizeof *map);
    if (map)
        memset(map, 0xff, (n + 1) * sizeof *map);
    return map;
}

static int merge_source(struct merger *merger, const struct profile *source, double scale) {
    merger->source = source;
    merger->scale = scale;
    _cleanup_free_ uint32_t *mappings = merger->mappings = new_map(source->n_mappings);
    _cleanup_free_ uint32_t *functions = merger->functions = new_map(source->n_functions);
    _cleanup_free_ uint32_t *locations = merger->locations = new_map(source->n_locations);
    if (!mappings || !functions || !locations)
        return -ENOMEM;
    if (!merger->into->n_mappings && source->n_mappings)
        merge_mapping(merger, 0); /* the main binary stays first, samples or not */
    int error = merger->into->error;
    for (size_t i = 0; i < source->n_samples && !error; i++) {
        if (!all_zero(&source->samples[i], source->n_sample_types))
            error = merge_sample(merger, &source->samples[i]);
        arena_reset(&merger->scratch);
    }
    return error;
}

static int merge_once(const struct profile *const *profiles, const double *scales, size_t n, struct profile **ret) {
    struct merger merger = {.into = profile_new()};
    if (!merger.into)
        return -ENOMEM;
    merge_headers(merger.into, profiles, n);
    int error = merger.into->error;
    for (size_t i = 0; i < n && !error; i++)
        error = merge_source(&merger, profiles[i], scales ? scales[i] : 1);
    hash_table_done(&merger.regions);
    arena_done(&merger.scratch);
    if (error)
        profile_free(merger.into);
    else
        *ret = merger.into;
    return error;
}

int profile_pair(const struct profile *before, const uint32_t *before_types, const struct profile *after,
                 const uint32_t *after_types, uint32_t n_types, struct profile **ret) {
    if (n_types > PROFILE_SAMPLE_TYPES_MAX / 2)
        return -EINVAL;
    struct merger merger = {.into = profile_new()};
    if (!merger.into)
        return -ENOMEM;
    for (uint32_t i = 0; i < n_types; i++) {
        const struct profile_value_type *type = before_types[i] == PROFILE_NONE
                                                    ? &(struct profile_value_type){"", ""}
                                                    : &before->sample_types[before_types[i]];
        profile_add_sample_type(merger.into, type->type, type->unit);
        profile_add_sample_type(merger.into, type->type, type->unit);
    }
    merger.into->drop_frames = profile_intern(merger.into, before->drop_frames);
    merger.into->keep_frames = profile_intern(merger.into, before->keep_frames);
    merger.picked = before_types;
    int error = merge_source(&merger, before, 1);
    merger.picked = after_types;
    merger.side = 1;
    if (!error)
        error = merge_source(&merger, after, 1);
    hash_table_done(&merger.regions);
    arena_done(&merger.scratch);
    if (error)
        profile_free(merger.into);
    else
        *ret = merger.into;
    return error;
}

/* Merge the profile with nothing: samples that came out as zero go, and what only they needed. Takes the profile. */
static int drop_zeros(struct profile *profile, struct profile **ret) {
    size_t zeros = 0;
    for (size_t i = 0; i < profile->n_samples; i++)
        zeros += all_zero(&profile->samples[i], profile->n_sample_types);
    if (zeros == 0) {
        *ret = profile;
        return 0;
    }
    const struct profile *source = profile;
    int error = merge_once(&source, NULL, 1, ret);
    profile_free(profile);
    return error;
}

int profile_merge(const struct profile *const *profiles, const double *scales, size_t n, struct profile **ret) {
    if (n == 0)
        return -EINVAL;
    for (size_t i = 0; i < n; i++) {
        if (profiles[i]->error)
            return profiles[i]->error;
        if (!fit_together(profiles[0], profiles[i]))
            return -EINVAL;
    }
    struct profile *merged;
    int error = merge_once(profiles, scales, n, &merged);
    return error ? error : drop_zeros(merged, ret);
}

/* What `before` said is of another moment. */
static int replace_comments(struct profile *delta, const struct profile *after) {
    delta->n_comments = 0;
    for (uint32_t i = 0; i < after->n_comments; i++)
        profile_add_comment(delta, "%s", after->comments[i]);
    return delta->error;
}

int profile_delta(const struct profile *before, const struct profile *after, struct profile **ret) {
    /* `after` first: its header and its main binary are those of the result. */
    struct profile *delta;
    int error = profile_merge((const struct profile *const[]){after, before}, (const double[]){1, -1}, 2, &delta);
    if (error)
        return error;
    error = replace_comments(delta, after);
    if (error) {
        profile_free(delta);
        return error;
    }
    for (size_t i = 0; i < delta->n_samples; i++)
        for (uint32_t j = 0; j < delta->n_sample_types; j++)
            if (delta->samples[i].values[j] < 0)
                delta->samples[i].values[j] = 0;
    delta->time_nanos = after->time_nanos;
    delta->duration_nanos = after->time_nanos > before->time_nanos ? after->time_nanos - before->time_nanos : 0;
    return drop_zeros(delta, ret);
}
