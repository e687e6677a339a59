#include "profile/profile.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/grow.h"
#include "profile/index.h"

/* Interned strings are compared by address, so there must be one empty string. */
static const char empty[] = "";

struct profile *profile_new(void) {
    struct profile *profile = calloc(1, sizeof *profile);
    if (!profile)
        return NULL;
    profile->index = calloc(1, sizeof *profile->index);
    if (!profile->index) {
        free(profile);
        return NULL;
    }
    profile->default_sample_type = profile->drop_frames = profile->keep_frames = profile->doc_url = empty;
    return profile;
}

void profile_free(struct profile *profile) {
    if (!profile)
        return;
    struct profile_index *index = profile->index;
    string_set_done(&index->strings);
    arena_done(&index->arena);
    hash_table_done(&index->mappings);
    hash_table_done(&index->functions);
    hash_table_done(&index->locations);
    hash_table_done(&index->samples);
    free(index);
    free(profile->samples);
    free(profile->mappings);
    free(profile->locations);
    free(profile->functions);
    free(profile->comments);
    free(profile);
}

static int fail(struct profile *profile, int error) {
    if (!profile->error)
        profile->error = error;
    return error;
}

static uint32_t fail_index(struct profile *profile, int error) {
    fail(profile, error);
    return PROFILE_NONE;
}

const char *profile_intern_n(struct profile *profile, const char *bytes, size_t size) {
    if (size == 0)
        return empty;
    uint32_t index = string_set_add(&profile->index->strings, bytes, size);
    if (index == HASH_NONE) {
        fail(profile, -ENOMEM);
        return empty;
    }
    return profile->index->strings.entries[index].text;
}

const char *profile_intern(struct profile *profile, const char *string) {
    return string ? profile_intern_n(profile, string, strlen(string)) : empty;
}

uint32_t profile_add_sample_type(struct profile *profile, const char *type, const char *unit) {
    if (profile->n_sample_types == PROFILE_SAMPLE_TYPES_MAX || profile->n_samples)
        return fail_index(profile, -EINVAL);
    profile->sample_types[profile->n_sample_types] =
        (struct profile_value_type){.type = profile_intern(profile, type), .unit = profile_intern(profile, unit)};
    return profile->error ? PROFILE_NONE : profile->n_sample_types++;
}

/* ---- Mappings -------------------------------------------------------------------------------------------------- */

static uint32_t hash_mapping(const struct profile_mapping *mapping) {
    uint64_t hash = hash_word(hash_seed(), mapping->start);
    hash = hash_word(hash, mapping->limit);
    hash = hash_word(hash, mapping->offset);
    hash = hash_word(hash, (uintptr_t)mapping->file);
    return hash_end(hash_word(hash, (uintptr_t)mapping->build_id));
}

/* The has_… flags are no part of what a mapping is: they are set when it gets symbolized. */
static bool same_mapping(const struct profile_mapping *a, const struct profile_mapping *b) {
    return a->start == b->start && a->limit == b->limit && a->offset == b->offset && a->file == b->file &&
           a->build_id == b->build_id;
}

uint32_t profile_place_mapping(struct profile *profile, const struct profile_mapping *mapping) {
    struct profile_index *index = profile->index;
    uint32_t hash = hash_mapping(mapping), found;
    for (size_t at = hash; (found = hash_table_next(&index->mappings, hash, &at)) != HASH_NONE;)
        if (same_mapping(&profile->mappings[found], mapping))
            return found;
    if (grow_array(&profile->mappings, &index->mappings_space, profile->n_mappings, sizeof *profile->mappings) ||
        hash_table_insert(&index->mappings, hash, profile->n_mappings))
        return fail_index(profile, -ENOMEM);
    profile->mappings[profile->n_mappings] = *mapping;
    return profile->n_mappings++;
}

uint32_t profile_add_mapping(struct profile *profile, const struct profile_mapping *mapping) {
    struct profile_mapping interned = *mapping;
    interned.file = profile_intern(profile, mapping->file);
    interned.build_id = profile_intern(profile, mapping->build_id);
    return profile->error ? PROFILE_NONE : profile_place_mapping(profile, &interned);
}

/* ---- Functions ------------------------------------------------------------------------------------------------- */

static uint32_t hash_function(const struct profile_function *function) {
    uint64_t hash = hash_word(hash_seed(), (uintptr_t)function->name);
    hash = hash_word(hash, (uintptr_t)function->system_name);
    hash = hash_word(hash, (uintptr_t)function->filename);
    return hash_end(hash_word(hash, (uint64_t)function->start_line));
}

static bool same_function(const struct profile_function *a, const struct profile_function *b) {
    return a->name == b->name && a->system_name == b->system_name && a->filename == b->filename &&
           a->start_line == b->start_line;
}

uint32_t profile_place_function(struct profile *profile, const struct profile_function *function) {
    struct profile_index *index = profile->index;
    uint32_t hash = hash_function(function), found;
    for (size_t at = hash; (found = hash_table_next(&index->functions, hash, &at)) != HASH_NONE;)
        if (same_function(&profile->functions[found], function))
            return found;
    if (grow_array(&profile->functions, &index->functions_space, profile->n_functions, sizeof *profile->functions) ||
        hash_table_insert(&index->functions, hash, profile->n_functions))
        return fail_index(profile, -ENOMEM);
    profile->functions[profile->n_functions] = *function;
    return profile->n_functions++;
}

uint32_t profile_add_function(struct profile *profile, const struct profile_function *function) {
    struct profile_function interned = {
        .name = profile_intern(profile, function->name),
        .system_name = profile_intern(profile, function->system_name),
        .filename = profile_intern(profile, function->filename),
        .start_line = function->start_line,
    };
    return profile->error ? PROFILE_NONE : profile_place_function(profile, &interned);
}

/* ---- Locations ------------------------------------------------------------------------------------------------- */

static uint32_t hash_location(const struct profile_location *location) {
    uint64_t hash = hash_word(hash_seed(), location->address);
    hash = hash_word(hash, location->mapping | (uint64_t)location->is_folded << 32);
    for (uint32_t i = 0; i < location->n_lines; i++) {
        hash = hash_word(hash, location->lines[i].function);
        hash = hash_word(hash, (uint64_t)location->lines[i].line);
    }
    return hash_end(hash_word(hash, location->n_lines));
}

static bool same_location(const struct profile_location *a, const struct profile_location *b) {
    if (a->address != b->address || a->mapping != b->mapping || a->is_folded != b->is_folded ||
        a->n_lines != b->n_lines)
        return false;
    for (uint32_t i = 0; i < a->n_lines; i++)
        if (a->lines[i].function != b->lines[i].function || a->lines[i].line != b->lines[i].line)
            return false;
    return true;
}

static bool location_fits(const struct profile *profile, const struct profile_location *location) {
    if (location->mapping != PROFILE_NONE && location->mapping >= profile->n_mappings)
        return false;
    for (uint32_t i = 0; i < location->n_lines; i++)
        if (location->lines[i].function >= profile->n_functions)
            return false;
    return true;
}

uint32_t profile_place_location(struct profile *profile, const struct profile_location *location) {
    struct profile_index *index = profile->index;
    uint32_t hash = hash_location(location), found;
    for (size_t at = hash; (found = hash_table_next(&index->locations, hash, &at)) != HASH_NONE;)
        if (same_location(&profile->locations[found], location))
            return found;
    if (grow_array(&profile->locations, &index->locations_space, profile->n_locations, sizeof *profile->locations))
        return fail_index(profile, -ENOMEM);
    struct profile_location *placed = &profile->locations[profile->n_locations];
    *placed = *location;
    placed->lines = NULL;
    if (location->n_lines) {
        placed->lines = arena_copy(&index->arena, location->lines, location->n_lines * sizeof *location->lines);
        if (!placed->lines)
            return fail_index(profile, -ENOMEM);
    }
    if (hash_table_insert(&index->locations, hash, profile->n_locations))
        return fail_index(profile, -ENOMEM);
    return profile->n_locations++;
}

uint32_t profile_add_location(struct profile *profile, const struct profile_location *location) {
    if (!location_fits(profile, location))
        return fail_index(profile, -EINVAL);
    return profile_place_location(profile, location);
}

/* ---- Samples --------------------------------------------------------------------------------------------------- */

static uint32_t hash_sample(const struct profile_sample *sample) {
    uint64_t hash = hash_bytes(hash_seed(), sample->locations, sample->n_locations * sizeof *sample->locations);
    for (uint32_t i = 0; i < sample->n_labels; i++) {
        const struct profile_label *label = &sample->labels[i];
        hash = hash_word(hash, (uintptr_t)label->key);
        hash = hash_word(hash, (uintptr_t)label->string);
        hash = hash_word(hash, (uint64_t)label->number);
        hash = hash_word(hash, (uintptr_t)label->unit);
    }
    return hash_end(hash);
}

static bool same_sample(const struct profile_sample *a, const struct profile_sample *b) {
    if (a->n_locations != b->n_locations || a->n_labels != b->n_labels ||
        (a->n_locations && memcmp(a->locations, b->locations, a->n_locations * sizeof *a->locations)))
        return false;
    for (uint32_t i = 0; i < a->n_labels; i++) {
        const struct profile_label *x = &a->labels[i], *y = &b->labels[i];
        if (x->key != y->key || x->string != y->string || x->number != y->number || x->unit != y->unit)
            return false;
    }
    return true;
}

/* By key, so that the order of labels makes no second sample; stable, for what several values of a key there are. */
static void sort_labels(struct profile_label *labels, uint32_t n) {
    for (uint32_t i = 1; i < n; i++) {
        struct profile_label label = labels[i];
        uint32_t at = i;
        for (; at > 0 && strcmp(labels[at - 1].key, label.key) > 0; at--)
            labels[at] = labels[at - 1];
        labels[at] = label;
    }
}

static int store_sample(struct profile *profile, const struct profile_sample *sample, uint32_t hash) {
    struct profile_index *index = profile->index;
    if (grow_array(&profile->samples, &index->samples_space, profile->n_samples, sizeof *profile->samples))
        return -ENOMEM;
    struct profile_sample *placed = &profile->samples[profile->n_samples];
    *placed = *sample;
    placed->locations = arena_copy(&index->arena, sample->locations, sample->n_locations * sizeof *sample->locations);
    placed->values = arena_copy(&index->arena, sample->values, profile->n_sample_types * sizeof *sample->values);
    placed->labels = arena_copy(&index->arena, sample->labels, sample->n_labels * sizeof *sample->labels);
    if (index->arena.error || hash_table_insert(&index->samples, hash, (uint32_t)profile->n_samples))
        return -ENOMEM;
    profile->n_samples++;
    return 0;
}

int profile_place_sample(struct profile *profile, const struct profile_sample *sample) {
    sort_labels(sample->labels, sample->n_labels);
    uint32_t hash = hash_sample(sample), found;
    for (size_t at = hash; (found = hash_table_next(&profile->index->samples, hash, &at)) != HASH_NONE;) {
        struct profile_sample *same = &profile->samples[found];
        if (!same_sample(same, sample))
            continue;
        for (uint32_t i = 0; i < profile->n_sample_types; i++)
            same->values[i] = profile_add_values(same->values[i], sample->values[i]);
        return 0;
    }
    int error = store_sample(profile, sample, hash);
    return error ? fail(profile, error) : 0;
}

/* The wire format has no place for an empty string or for 0 without a unit: readers drop them, so they never get in. */
static uint32_t intern_labels(struct profile *profile, const struct profile_sample *sample,
                              struct profile_label *ret_labels) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < sample->n_labels; i++) {
        const struct profile_label *label = &sample->labels[i];
        bool has_unit = !label->string && label->unit && label->unit[0];
        if (label->string ? !label->string[0] : label->number == 0 && !has_unit)
            continue;
        ret_labels[n++] = (struct profile_label){
            .key = profile_intern(profile, label->key),
            .string = label->string ? profile_intern(profile, label->string) : NULL,
            .number = label->string ? 0 : label->number,
            .unit = has_unit ? profile_intern(profile, label->unit) : empty,
        };
    }
    return n;
}

int profile_add_sample(struct profile *profile, const struct profile_sample *sample) {
    if (sample->n_labels > PROFILE_LABELS_MAX)
        return fail(profile, -EINVAL);
    for (uint32_t i = 0; i < sample->n_locations; i++)
        if (sample->locations[i] >= profile->n_locations)
            return fail(profile, -EINVAL);
    struct profile_label labels[PROFILE_LABELS_MAX];
    struct profile_sample interned = *sample;
    interned.labels = labels;
    interned.n_labels = intern_labels(profile, sample, labels);
    return profile->error ? profile->error : profile_place_sample(profile, &interned);
}

/* ---- The rest -------------------------------------------------------------------------------------------------- */

int profile_add_comment(struct profile *profile, const char *format, ...) {
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(0);
    va_list arguments;
    va_start(arguments, format);
    int error = buffer_vprintf(&text, format, arguments);
    va_end(arguments);
    if (error ||
        grow_array(&profile->comments, &profile->index->comments_space, profile->n_comments, sizeof(const char *)))
        return fail(profile, error ? error : -ENOMEM);
    profile->comments[profile->n_comments] = profile_intern_n(profile, text.data, text.size);
    if (!profile->error)
        profile->n_comments++;
    return profile->error;
}

uint32_t profile_find_sample_type(const struct profile *profile, const char *type) {
    for (uint32_t i = 0; i < profile->n_sample_types; i++)
        if (strcmp(profile->sample_types[i].type, type) == 0)
            return i;
    return PROFILE_NONE;
}

uint32_t profile_default_sample_type(const struct profile *profile) {
    if (!profile->n_sample_types)
        return PROFILE_NONE;
    uint32_t named = PROFILE_NONE;
    if (profile->default_sample_type && profile->default_sample_type[0])
        named = profile_find_sample_type(profile, profile->default_sample_type);
    return named == PROFILE_NONE ? profile->n_sample_types - 1 : named;
}

int64_t profile_total(const struct profile *profile, uint32_t sample_type, bool absolute) {
    int64_t total = 0;
    if (sample_type >= profile->n_sample_types)
        return 0;
    for (size_t i = 0; i < profile->n_samples; i++) {
        int64_t value = profile->samples[i].values[sample_type];
        if (absolute && value < 0)
            value = value == INT64_MIN ? INT64_MAX : -value;
        total = profile_add_values(total, value);
    }
    return total;
}
