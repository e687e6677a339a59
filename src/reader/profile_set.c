#include "reader/profile_set.h"

#include <errno.h>
#include <stddef.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"

#define TRIAL "piko-trial"

enum { CPU = 0 }; /* the others are asked for by their kind */

static const enum reader_kind kinds[PROFILE_SET_KINDS] = {
    [1] = READER_HEAP, [2] = READER_ALLOCS, [3] = READER_BLOCK, [4] = READER_MUTEX, [5] = READER_GOROUTINE};

const char *const profile_set_files[] = {"cpu.pprof",   "heap.pprof",      "allocs.pprof", "block.pprof",
                                         "mutex.pprof", "goroutine.pprof", "trace.out",    NULL};

int profile_set_take(struct tree *tree, uint32_t pid, bool with_cpu, struct profile_set *ret) {
    int failed = 0;
    for (size_t i = 0; i < PROFILE_SET_KINDS; i++) {
        int error = i != CPU   ? tree_profile(tree, pid, kinds[i], &ret->profiles[i])
                    : with_cpu ? tree_cpu_so_far(tree, pid, &ret->profiles[i])
                               : 0;
        if (error && !ret->profiles[i]) /* one that is older than asked for is there all the same */
            failed = error;
    }
    int error = tree_trace_recent(tree, pid, TRACE_GO_1_23, &ret->trace);
    return error && error != -ENODATA ? error : failed;
}

static int add(struct profile **sum, struct profile **part) {
    if (*sum && *part) {
        struct profile *both;
        int error = profile_merge((const struct profile *const[]){*sum, *part}, /* scales= */ NULL, 2, &both);
        if (error)
            return error;
        profile_free(*sum);
        profile_free(*part);
        *sum = both;
    } else if (*part) {
        *sum = *part;
    }
    *part = NULL;
    return 0;
}

int profile_set_add(struct profile_set *sum, struct profile_set *part) {
    int error = 0;
    for (size_t i = 0; i < PROFILE_SET_KINDS && !error; i++)
        error = add(&sum->profiles[i], &part->profiles[i]);
    return error;
}

static int write_file(const char *folder, const char *name, const struct buffer *content) {
    _cleanup_buffer_ struct buffer path = BUFFER_INIT(0);
    buffer_printf(&path, "%s/%s", folder, name);
    if (content->error || path.error)
        return -ENOMEM;
    return file_write(path.data, content->data ? content->data : "", content->size, FILE_MODE_CAPTURE);
}

static int write_profile(const char *folder, const char *name, const struct profile *profile) {
    _cleanup_buffer_ struct buffer content = BUFFER_INIT(0);
    int error = profile_encode(profile, &content);
    return error ? error : write_file(folder, name, &content);
}

int profile_set_try(const char *folder) {
    _cleanup_buffer_ struct buffer path = BUFFER_INIT(0);
    int error = file_make_directory(folder);
    if (!error)
        error = buffer_printf(&path, "%s/" TRIAL, folder);
    if (!error)
        error = file_write(path.data, "\n", 1, FILE_MODE_CAPTURE);
    if (!error)
        unlink(path.data);
    return error;
}

int profile_set_write(const struct profile_set *set, const char *folder, const char **ret_file) {
    int failed = file_make_directory(folder);
    *ret_file = "";
    for (size_t i = 0; i <= PROFILE_SET_KINDS; i++) {
        int error = 0;
        if (i < PROFILE_SET_KINDS && set->profiles[i])
            error = write_profile(folder, profile_set_files[i], set->profiles[i]);
        else if (i == PROFILE_SET_KINDS && set->trace.size)
            error = write_file(folder, profile_set_files[i], &set->trace);
        if (error && !failed) {
            failed = error;
            *ret_file = profile_set_files[i];
        }
    }
    return failed;
}

void profile_set_done(struct profile_set *set) {
    for (size_t i = 0; i < PROFILE_SET_KINDS; i++)
        profile_free(set->profiles[i]);
    buffer_done(&set->trace);
    *set = (struct profile_set)PROFILE_SET_EMPTY;
}
