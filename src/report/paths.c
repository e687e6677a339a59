#include "report/paths.h"

#include <string.h>

static const char *without_build_directory(const char *path) {
    static const char *const prefixes[] = {"/proc/self/cwd/./", "/proc/self/cwd/"};
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
        if (strncmp(path, prefixes[i], strlen(prefixes[i])) == 0)
            return path + strlen(prefixes[i]);
    return path;
}

static bool component_is(const char *component, size_t length, const char *what) {
    return length == strlen(what) && memcmp(component, what, length) == 0;
}

bool path_is_clean(const char *path) {
    if (without_build_directory(path) != path)
        return false;
    const char *at = path[0] == '/' ? path + 1 : path;
    if (!*at)
        return true;
    for (;;) {
        size_t length = strcspn(at, "/");
        if (length == 0 || component_is(at, length, ".") || component_is(at, length, ".."))
            return false;
        if (!at[length])
            return true;
        at += length + 1;
    }
}

/* Where the path in [start, end) ends without its last component; `end` itself when there is none to drop. */
static char *drop_component(const char *start, char *end) {
    char *from = end;
    while (from > start && from[-1] != '/')
        from--;
    if (from == end || component_is(from, (size_t)(end - from), ".."))
        return end;
    return from > start ? from - 1 : from;
}

static char *add_component(char *start, char *end, const char *component, size_t length) {
    if (end > start)
        *end++ = '/';
    memcpy(end, component, length);
    return end + length;
}

void path_clean(const char *path, char *ret) {
    path = without_build_directory(path);
    bool is_rooted = path[0] == '/', is_empty = path[0] == '\0';
    if (is_rooted)
        *ret++ = '/';
    char *end = ret;
    for (const char *at = path; *at;) {
        size_t length = strcspn(at, "/");
        if (component_is(at, length, "..")) {
            char *shorter = drop_component(ret, end);
            if (shorter != end)
                end = shorter;
            else if (!is_rooted)
                end = add_component(ret, end, at, length);
        } else if (length > 0 && !component_is(at, length, ".")) {
            end = add_component(ret, end, at, length);
        }
        at += length + (at[length] == '/');
    }
    if (end == ret && !is_rooted && !is_empty)
        *end++ = '.';
    *end = '\0';
}

const char *path_base(const char *path, size_t *ret_length) {
    size_t end = strlen(path);
    while (end > 1 && path[end - 1] == '/')
        end--;
    size_t start = end;
    while (start > 0 && path[start - 1] != '/')
        start--;
    if (start == end && end > 0) /* the root */
        start--;
    *ret_length = end - start;
    return path + start;
}
