#include "cli/output.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"

int output_open(struct output *output, const char *folder) {
    *output = (struct output){0};
    size_t length = strlen(folder);
    while (length > 1 && folder[length - 1] == '/')
        length--;
    output->folder = strndup(folder, length);
    if (!output->folder)
        return -ENOMEM;
    output->made = access(output->folder, F_OK) != 0;
    int error = file_make_directory(output->folder);
    if (error)
        return error;
    return access(output->folder, W_OK | X_OK) == 0 ? 0 : -errno;
}

void output_done(struct output *output) {
    if (!output)
        return;
    free(output->folder);
    output->folder = NULL;
}

void output_abandon(struct output *output) {
    if (output->made)
        rmdir(output->folder);
}

static char *path_of(const struct output *output, const char *name) {
    char *path = NULL;
    return asprintf(&path, "%s/%s", output->folder, name) < 0 ? NULL : path;
}

void output_remove_old(struct output *output, const char *name) {
    _cleanup_free_ char *path = path_of(output, name);
    if (path)
        unlink(path);
}

int output_write(struct output *output, const char *name, const void *data, size_t size) {
    size_t length = strlen(name);
    if (output->n_files == OUTPUT_FILES_MAX || length >= OUTPUT_NAME_BYTES)
        return -ENOSPC;
    _cleanup_free_ char *path = path_of(output, name);
    if (!path)
        return -ENOMEM;
    int error = file_write(path, data, size, FILE_MODE_CAPTURE);
    if (!error)
        memcpy(output->files[output->n_files++], name, length + 1);
    return error;
}

bool output_has(const struct output *output, const char *name) {
    for (size_t i = 0; i < output->n_files; i++)
        if (!strcmp(output->files[i], name))
            return true;
    return false;
}
