#include "cli/objects.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "report/objects.h"
#include "symbols/build_flags.h"

#define PACKAGE_FILES "/var/lib/dpkg/info" /* NAME[:ARCH].list has one path a line */
#define SHARE_LEAST 0.01                   /* of the CPU time, from which on a file is looked at */
#define LIST_BYTES_MAX (16u << 20)

/* Whether a line of the list is the path. */
static bool lists(const char *list, const char *path) {
    size_t length = strlen(path);
    for (const char *at = strstr(list, path); at; at = strstr(at + 1, path)) {
        bool starts = at == list || at[-1] == '\n';
        if (starts && (at[length] == '\n' || at[length] == '\0'))
            return true;
    }
    return false;
}

static bool package_has(const char *name, const char *path) {
    _cleanup_free_ char *list = NULL;
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(LIST_BYTES_MAX);
    if (asprintf(&list, PACKAGE_FILES "/%s", name) < 0) {
        list = NULL;
        return false;
    }
    if (file_read(list, &text) || !text.data)
        return false;
    /* A file may be called by /lib or by /usr/lib, which are one folder today. */
    const char *below = strncmp(path, "/usr/", 5) == 0 ? path + 4 : path;
    char other[PATH_MAX];
    snprintf(other, sizeof other, "/usr%s", below);
    return lists(text.data, below) || lists(text.data, other);
}

/* "libcurl4-dbgsym" of "libcurl4:amd64.list"; the C library's has a name of its own. */
static char *debug_package_of(const char *list) {
    char *ret = NULL;
    int length = (int)strcspn(list, ":");
    size_t ending = strlen(".list");
    if (!list[length])
        length = (int)(strlen(list) - ending);
    bool is_libc = length == 5 && strncmp(list, "libc6", 5) == 0;
    return asprintf(&ret, "%.*s-%s", length, list, is_libc ? "dbg" : "dbgsym") < 0 ? NULL : ret;
}

static int is_list(const struct dirent *entry) {
    size_t length = strlen(entry->d_name), ending = strlen(".list");
    return length > ending && strcmp(entry->d_name + length - ending, ".list") == 0;
}

static char *find_debug_package(const char *path) {
    struct dirent **entries = NULL;
    char *ret = NULL;
    int n = scandir(PACKAGE_FILES, &entries, is_list, NULL);
    for (int i = 0; i < n; i++) {
        if (!ret && package_has(entries[i]->d_name, path))
            ret = debug_package_of(entries[i]->d_name);
        free(entries[i]);
    }
    if (n >= 0)
        free(entries);
    return ret;
}

/* `shares` are the files' parts of the CPU time: what is not much of it is not looked at. */
static void look_at(const struct profile *profile, uint32_t index, const struct object_shares *shares,
                    struct objects *ret) {
    const struct profile_mapping *mapping = &profile->mappings[index];
    struct object_share share = object_share(shares, profile, mapping->file);
    struct build_flags flags;
    char sentence[BUILD_FLAGS_SENTENCE_BYTES];
    for (size_t i = 0; i < ret->n; i++)
        if (strcmp(ret->items[i].file, mapping->file) == 0)
            return;
    if (mapping->file[0] != '/' || (double)share.flat < (double)shares->total * SHARE_LEAST ||
        build_flags_look(mapping->file, mapping->build_id, &flags) != 0)
        return;
    bool lacks_names = (double)share.unnamed >= (double)shares->total * SHARE_LEAST;
    char *package = lacks_names && !flags.debug_info ? find_debug_package(mapping->file) : NULL;
    build_flags_tell(mapping->file, flags.flags, sentence);
    ret->items[ret->n++] = (struct report_object){
        .file = mapping->file, .built = sentence[0] ? strdup(sentence) : NULL, .debug_package = package};
}

static void look_at_all(const struct profile *profile, struct objects *ret) {
    uint32_t type = profile_find_sample_type(profile, "cpu");
    struct object_shares shares;
    if (type == PROFILE_NONE || object_shares_make(profile, type, &shares))
        return;
    for (uint32_t i = 0; i < profile->n_mappings && ret->n < OBJECTS_MAX; i++)
        look_at(profile, i, &shares, ret);
    object_shares_done(&shares);
}

void objects_find(const struct report_phase *phases, size_t n_phases, struct objects *ret) {
    *ret = (struct objects){.items = calloc(OBJECTS_MAX, sizeof *ret->items)};
    for (size_t i = 0; i < n_phases && ret->items; i++)
        if (phases[i].profile && strcmp(phases[i].name, "cpu") == 0)
            look_at_all(phases[i].profile, ret);
}

void objects_done(struct objects *objects) {
    for (size_t i = 0; i < objects->n; i++) {
        free((char *)(uintptr_t)objects->items[i].debug_package);
        free((char *)(uintptr_t)objects->items[i].built);
    }
    free(objects->items);
    *objects = (struct objects){0};
}
