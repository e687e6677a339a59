#include "reader/labels.h"

#include <stdio.h>
#include <string.h>

static uint32_t read_set(const struct view *view, uint32_t set, struct segment_label ret[SEGMENT_LABELS_MAX]) {
    char bytes[VIEW_STRING_BYTES];
    uint32_t size = view_string(view, set, bytes);
    if (size % sizeof(*ret) || size > SEGMENT_LABELS_MAX * sizeof(*ret))
        return 0;
    memcpy(ret, bytes, size);
    return size / (uint32_t)sizeof(*ret);
}

uint32_t labels_of(const struct view *view, uint32_t set, struct profile *profile, struct profile_label *ret) {
    struct segment_label labels[SEGMENT_LABELS_MAX];
    uint32_t there = read_set(view, set, labels), n = 0;
    for (uint32_t i = 0; i < there; i++) {
        char key[VIEW_STRING_BYTES], value[VIEW_STRING_BYTES];
        view_string(view, labels[i].key, key);
        view_string(view, labels[i].value, value);
        if (key[0] && value[0])
            ret[n++] =
                (struct profile_label){.key = profile_intern(profile, key), .string = profile_intern(profile, value)};
    }
    return n;
}

size_t labels_text(const struct view *view, uint32_t set, char ret[LABELS_TEXT_BYTES]) {
    struct segment_label labels[SEGMENT_LABELS_MAX];
    size_t size = 0;
    ret[0] = '\0';
    for (uint32_t i = 0, n = read_set(view, set, labels); i < n && size < LABELS_TEXT_BYTES - 1; i++) {
        char key[VIEW_STRING_BYTES], value[VIEW_STRING_BYTES];
        view_string(view, labels[i].key, key);
        view_string(view, labels[i].value, value);
        int more = snprintf(ret + size, LABELS_TEXT_BYTES - size, "%s%s=%s", i ? ", " : "", key, value);
        size += more > 0 ? (size_t)more : 0;
    }
    return size < LABELS_TEXT_BYTES ? size : LABELS_TEXT_BYTES - 1;
}
