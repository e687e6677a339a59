/* What a valid profile is: all that pprof's own CheckValid asks for, and what viewers and stores stumble over beyond. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/string_set.h"
#include "base/utf8.h"
#include "profile/profile.h"

struct check {
    const struct profile *profile;
    char *why;
    size_t why_size;
};

static int refuse(struct check *check, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int refuse(struct check *check, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    if (check->why_size)
        vsnprintf(check->why, check->why_size, format, arguments);
    va_end(arguments);
    return -EBADMSG;
}

static bool is_set(const char *string) {
    return string && string[0];
}

static int check_text(struct check *check, const char *what, const char *string) {
    if (string && !utf8_is_valid(string, strlen(string)))
        return refuse(check, "%s is no valid UTF-8", what);
    return 0;
}

/* ---- Header ---------------------------------------------------------------------------------------------------- */

static int check_value_type(struct check *check, const char *what, const struct profile_value_type *type) {
    if (!is_set(type->type) || !is_set(type->unit))
        return refuse(check, "a %s has no type or no unit", what);
    int error = check_text(check, what, type->type);
    return error ? error : check_text(check, what, type->unit);
}

static int check_sample_types(struct check *check) {
    const struct profile *profile = check->profile;
    if (!profile->n_sample_types)
        return refuse(check, "there is no sample type");
    for (uint32_t i = 0; i < profile->n_sample_types; i++) {
        int error = check_value_type(check, "sample type", &profile->sample_types[i]);
        if (error)
            return error;
        if (profile_find_sample_type(profile, profile->sample_types[i].type) != i)
            return refuse(check, "two sample types are named %s", profile->sample_types[i].type);
    }
    const char *chosen = profile->default_sample_type;
    if (is_set(chosen) && profile_find_sample_type(profile, chosen) == PROFILE_NONE)
        return refuse(check, "default_sample_type %s is none of the sample types", chosen);
    return 0;
}

static int check_header(struct check *check) {
    const struct profile *profile = check->profile;
    if (profile->time_nanos <= 0)
        return refuse(check, "time_nanos is not set");
    if (profile->duration_nanos < 0)
        return refuse(check, "duration_nanos is negative");
    if (profile->period < 0)
        return refuse(check, "the period is negative");
    if (profile->period && check_value_type(check, "period", &profile->period_type))
        return -EBADMSG;
    for (uint32_t i = 0; i < profile->n_comments; i++)
        if (check_text(check, "a comment", profile->comments[i]))
            return -EBADMSG;
    if (check_text(check, "drop_frames", profile->drop_frames) ||
        check_text(check, "keep_frames", profile->keep_frames) || check_text(check, "doc_url", profile->doc_url))
        return -EBADMSG;
    return check_sample_types(check);
}

/* ---- Tables ---------------------------------------------------------------------------------------------------- */

static int check_mappings(struct check *check) {
    for (uint32_t i = 0; i < check->profile->n_mappings; i++) {
        const struct profile_mapping *mapping = &check->profile->mappings[i];
        if (check_text(check, "a mapping's file", mapping->file) || check_text(check, "a build id", mapping->build_id))
            return -EBADMSG;
        if (mapping->limit <= mapping->start)
            return refuse(check, "mapping %" PRIu32 " ends at 0x%" PRIx64 ", not above its start 0x%" PRIx64, i + 1,
                          mapping->limit, mapping->start);
    }
    return 0;
}

static int check_functions(struct check *check) {
    for (uint32_t i = 0; i < check->profile->n_functions; i++) {
        const struct profile_function *function = &check->profile->functions[i];
        if (!is_set(function->name))
            return refuse(check, "function %" PRIu32 " has no name", i + 1);
        if (check_text(check, "a function's name", function->name) ||
            check_text(check, "a function's system name", function->system_name) ||
            check_text(check, "a function's file name", function->filename))
            return -EBADMSG;
        if (function->start_line < 0)
            return refuse(check, "function %s starts at a negative line", function->name);
    }
    return 0;
}

static int check_location(struct check *check, uint32_t number) {
    const struct profile *profile = check->profile;
    const struct profile_location *location = &profile->locations[number];
    for (uint32_t i = 0; i < location->n_lines; i++) {
        if (location->lines[i].function >= profile->n_functions)
            return refuse(check, "location %" PRIu32 " has a line without function", number + 1);
        if (location->lines[i].line < 0)
            return refuse(check, "location %" PRIu32 " has a negative line number", number + 1);
    }
    if (location->mapping == PROFILE_NONE)
        return 0;
    if (location->mapping >= profile->n_mappings)
        return refuse(check, "location %" PRIu32 " is in a mapping that does not exist", number + 1);
    const struct profile_mapping *mapping = &profile->mappings[location->mapping];
    if (location->address < mapping->start || location->address >= mapping->limit)
        return refuse(check, "address 0x%" PRIx64 " is outside its mapping %s", location->address,
                      mapping->file ? mapping->file : "");
    return 0;
}

/* ---- Samples --------------------------------------------------------------------------------------------------- */

/* Labels are sorted by key, so two of a key are neighbours. */
static int check_labels(struct check *check, const struct profile_sample *sample) {
    for (uint32_t i = 0; i < sample->n_labels; i++) {
        const struct profile_label *label = &sample->labels[i];
        if (!is_set(label->key))
            return refuse(check, "a label has no key");
        if (check_text(check, "a label's key", label->key) || check_text(check, "a label", label->string) ||
            check_text(check, "a label's unit", label->unit))
            return -EBADMSG;
        if (i && strcmp(sample->labels[i - 1].key, label->key) == 0)
            return refuse(check, "a sample has two labels with the key %s", label->key);
    }
    return 0;
}

static int check_sample(struct check *check, const struct profile_sample *sample, bool is_diff) {
    for (uint32_t i = 0; i < sample->n_locations; i++)
        if (sample->locations[i] >= check->profile->n_locations)
            return refuse(check, "a sample has a location that does not exist");
    for (uint32_t i = 0; i < check->profile->n_sample_types && !is_diff; i++)
        if (sample->values[i] < 0)
            return refuse(check, "a sample has the negative value %" PRId64 " of %s", sample->values[i],
                          check->profile->sample_types[i].type);
    return check_labels(check, sample);
}

/* Keys of string labels and of numbers. */
struct label_keys {
    struct string_set strings, numbers;
};

static int collect_keys(struct check *check, struct label_keys *keys) {
    for (size_t i = 0; i < check->profile->n_samples; i++) {
        const struct profile_sample *sample = &check->profile->samples[i];
        for (uint32_t j = 0; j < sample->n_labels; j++) {
            const struct profile_label *label = &sample->labels[j];
            if (string_set_add(label->string ? &keys->strings : &keys->numbers, label->key, strlen(label->key)) ==
                HASH_NONE)
                return -ENOMEM;
        }
    }
    return 0;
}

/* Viewers decide by the key whether a label is a string or a number. */
static int check_label_keys(struct check *check) {
    struct label_keys keys = {0};
    int error = collect_keys(check, &keys);
    for (uint32_t i = 0; i < keys.numbers.n_entries && !error; i++) {
        const struct string_entry *key = &keys.numbers.entries[i];
        uint32_t n = keys.strings.n_entries;
        if (string_set_add(&keys.strings, key->text, key->size) == HASH_NONE)
            error = -ENOMEM;
        else if (keys.strings.n_entries == n)
            error = refuse(check, "the label %s is a string in one sample and a number in another", key->text);
    }
    string_set_done(&keys.strings);
    string_set_done(&keys.numbers);
    return error;
}

int profile_check(const struct profile *profile, bool is_diff, char *why, size_t why_size) {
    struct check check = {.profile = profile, .why = why, .why_size = why ? why_size : 0};
    if (profile->error)
        return refuse(&check, "the profile is incomplete: %s", strerror(-profile->error));
    int error = check_header(&check);
    if (!error)
        error = check_mappings(&check);
    if (!error)
        error = check_functions(&check);
    for (uint32_t i = 0; i < profile->n_locations && !error; i++)
        error = check_location(&check, i);
    for (size_t i = 0; i < profile->n_samples && !error; i++)
        error = check_sample(&check, &profile->samples[i], is_diff);
    return error ? error : check_label_keys(&check);
}
