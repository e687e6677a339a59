#include "report/frames.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "report/paths.h"

/* Everything is put in order by sorting, not by hashing: hostile names have no slow case to aim at. */

struct ranked_string {
    const char *string;
    uint32_t index;
};

/* What tells frames apart. Strings are compared once, when they are ranked; equal strings have equal ranks. */
struct frame_key {
    uint32_t name, object; /* object and start_line are 0 for frames with a name */
    int64_t start_line;
    uint32_t file;
    int64_t line;
    size_t frame;
};

/* Per function and mapping: cleaned strings and their ranks, while frames are being grouped. */
struct frame_names {
    const char **names, **files, **objects;
    uint32_t *name_ranks, *file_ranks, *object_ranks;
};

static int compare_strings(const void *left, const void *right) {
    const struct ranked_string *a = left, *b = right;
    return a->string == b->string ? 0 : strcmp(a->string, b->string);
}

/* Rank of each string among all: "" is 0, others count from 1 in byte order. NULL when memory ran out. */
static uint32_t *rank_strings(const char *const *strings, uint32_t n) {
    uint32_t *ranks = calloc((size_t)n + 1, sizeof(*ranks));
    _cleanup_free_ struct ranked_string *sorted = calloc((size_t)n + 1, sizeof(*sorted));
    if (!ranks || !sorted) {
        free(ranks);
        return NULL;
    }
    for (uint32_t i = 0; i < n; i++)
        sorted[i] = (struct ranked_string){.string = strings[i], .index = i};
    qsort(sorted, n, sizeof(*sorted), compare_strings);
    uint32_t rank = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (sorted[i].string[0] && (i == 0 || compare_strings(&sorted[i - 1], &sorted[i]) != 0))
            rank++;
        ranks[sorted[i].index] = rank;
    }
    return ranks;
}

static void frame_names_done(struct frame_names *names) {
    free(names->names);
    free(names->files);
    free(names->objects);
    free(names->name_ranks);
    free(names->file_ranks);
    free(names->object_ranks);
}

/* Bytes that cleaned paths and "[object]" names need. */
static size_t strings_size(const struct profile *profile) {
    size_t size = 1;
    for (uint32_t i = 0; i < profile->n_functions; i++)
        if (!path_is_clean(profile->functions[i].filename))
            size += strlen(profile->functions[i].filename) + 1;
    for (uint32_t i = 0; i < profile->n_mappings; i++)
        size += strlen(profile->mappings[i].file) + sizeof("[]");
    return size;
}

/* pprof compares mappings by their whole path and shows the last component. */
static const char *object_name(const char *file, char **free_space) {
    if (file[0] == '\0')
        return "<unknown>";
    char *name = *free_space;
    size_t length;
    const char *base = path_base(file, &length);
    name[0] = '[';
    memcpy(name + 1, base, length);
    memcpy(name + 1 + length, "]", sizeof("]"));
    *free_space += length + sizeof("[]");
    return name;
}

static const char *clean_file(const char *file, char **free_space) {
    if (path_is_clean(file))
        return file;
    char *cleaned = *free_space;
    path_clean(file, cleaned);
    *free_space += strlen(cleaned) + 1;
    return cleaned;
}

static int collect_names(const struct profile *profile, char *free_space, struct frame_names *names) {
    names->names = calloc((size_t)profile->n_functions + 1, sizeof(*names->names));
    names->files = calloc((size_t)profile->n_functions + 1, sizeof(*names->files));
    names->objects = calloc((size_t)profile->n_mappings + 1, sizeof(*names->objects));
    if (!names->names || !names->files || !names->objects)
        return -ENOMEM;
    for (uint32_t i = 0; i < profile->n_functions; i++) {
        names->names[i] = profile->functions[i].name;
        names->files[i] = clean_file(profile->functions[i].filename, &free_space);
    }
    for (uint32_t i = 0; i < profile->n_mappings; i++)
        names->objects[i] = profile->mappings[i].file;
    names->name_ranks = rank_strings(names->names, profile->n_functions);
    names->file_ranks = rank_strings(names->files, profile->n_functions);
    names->object_ranks = rank_strings(names->objects, profile->n_mappings);
    if (!names->name_ranks || !names->file_ranks || !names->object_ranks)
        return -ENOMEM;
    for (uint32_t i = 0; i < profile->n_mappings; i++)
        names->objects[i] = object_name(profile->mappings[i].file, &free_space);
    return 0;
}

static struct frame_key key_of(const struct profile *profile, const struct frame_names *names,
                               const struct profile_location *location, uint32_t line) {
    struct frame_key key = {0};
    if (location->n_lines > 0) {
        uint32_t function = location->lines[line].function;
        key.name = names->name_ranks[function];
        key.file = names->file_ranks[function];
        key.line = location->lines[line].line;
        key.start_line = key.name ? 0 : profile->functions[function].start_line;
    }
    if (!key.name && location->mapping != PROFILE_NONE)
        key.object = names->object_ranks[location->mapping];
    return key;
}

static int compare_functions(const struct frame_key *a, const struct frame_key *b) {
    if (a->name != b->name)
        return a->name < b->name ? -1 : 1;
    if (a->object != b->object)
        return a->object < b->object ? -1 : 1;
    return (a->start_line > b->start_line) - (a->start_line < b->start_line);
}

static int compare_keys(const void *left, const void *right) {
    const struct frame_key *a = left, *b = right;
    int order = compare_functions(a, b);
    if (order)
        return order;
    if (a->file != b->file)
        return a->file < b->file ? -1 : 1;
    return (a->line > b->line) - (a->line < b->line);
}

static struct frame_line describe(const struct profile *profile, const struct frame_names *names,
                                  const struct profile_location *location, uint32_t line) {
    struct frame_line ret = {.name = "<unknown>", .file = ""};
    if (location->mapping != PROFILE_NONE)
        ret.name = names->objects[location->mapping];
    if (location->n_lines > 0) {
        uint32_t function = location->lines[line].function;
        if (profile->functions[function].name[0])
            ret.name = profile->functions[function].name;
        ret.file = names->files[function];
        ret.line = location->lines[line].line;
    }
    return ret;
}

static size_t count_frames(const struct profile *profile, size_t *first) {
    size_t n = 0;
    for (uint32_t i = 0; i < profile->n_locations; i++) {
        first[i] = n;
        n += profile->locations[i].n_lines ? profile->locations[i].n_lines : 1;
    }
    first[profile->n_locations] = n;
    return n;
}

/* Number the groups of sorted keys; frames->lines describes each by its first frame. */
static void number_groups(struct frames *frames, const struct frame_key *keys, size_t n,
                          const struct frame_line *described) {
    for (size_t i = 0; i < n; i++) {
        bool is_first = i == 0;
        bool is_new = is_first || compare_functions(&keys[i - 1], &keys[i]) != 0;
        frames->n_functions += is_new;
        frames->n_in_files += is_new || keys[i - 1].file != keys[i].file;
        if (is_first || compare_keys(&keys[i - 1], &keys[i]) != 0) {
            struct frame_line *line = &frames->lines[frames->n_lines++];
            *line = described[keys[i].frame];
            line->function = frames->n_functions - 1;
            line->in_file = frames->n_in_files - 1;
        }
        frames->line_of[keys[i].frame] = frames->n_lines - 1;
    }
}

static int group_frames(struct frames *frames, const struct profile *profile, const struct frame_names *names) {
    frames->first = calloc((size_t)profile->n_locations + 1, sizeof(*frames->first));
    if (!frames->first)
        return -ENOMEM;
    size_t n = count_frames(profile, frames->first);
    _cleanup_free_ struct frame_key *keys = calloc(n + 1, sizeof(*keys));
    _cleanup_free_ struct frame_line *described = calloc(n + 1, sizeof(*described));
    frames->line_of = calloc(n + 1, sizeof(*frames->line_of));
    frames->lines = calloc(n + 1, sizeof(*frames->lines));
    if (!keys || !described || !frames->line_of || !frames->lines)
        return -ENOMEM;
    for (uint32_t i = 0; i < profile->n_locations; i++) {
        for (size_t frame = frames->first[i]; frame < frames->first[i + 1]; frame++) {
            uint32_t line = (uint32_t)(frame - frames->first[i]);
            keys[frame] = key_of(profile, names, &profile->locations[i], line);
            keys[frame].frame = frame;
            described[frame] = describe(profile, names, &profile->locations[i], line);
        }
    }
    qsort(keys, n, sizeof(*keys), compare_keys);
    number_groups(frames, keys, n, described);
    return 0;
}

int frames_make(const struct profile *profile, struct frames *ret) {
    struct frames frames = {.strings = malloc(strings_size(profile))};
    struct frame_names names = {0};
    int error = frames.strings ? collect_names(profile, frames.strings, &names) : -ENOMEM;
    if (!error)
        error = group_frames(&frames, profile, &names);
    frame_names_done(&names);
    if (error)
        frames_done(&frames);
    else
        *ret = frames;
    return error;
}

void frames_done(struct frames *frames) {
    free(frames->first);
    free(frames->line_of);
    free(frames->lines);
    free(frames->strings);
    *frames = (struct frames){0};
}
