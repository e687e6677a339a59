#include "cli/saved_run.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "cli/profile_run.h"
#include "cli/stats_file.h"

static const char ending[] = ".pprof";

static int refuse(char *why, int error, const char *path, const char *reason) {
    snprintf(why, SAVED_WHY_BYTES, "%.250s: %.200s", path, reason);
    return error;
}

static bool is_profile_name(const char *name) {
    size_t length = strlen(name);
    return length >= sizeof ending && strcmp(name + length - (sizeof ending - 1), ending) == 0;
}

/* "cpu" of "pprof/cpu.pprof". */
static char *title_of(const char *path) {
    const char *base = strrchr(path, '/');
    char *title = strdup(base ? base + 1 : path);
    if (title && is_profile_name(title))
        title[strlen(title) - (sizeof ending - 1)] = '\0';
    return title;
}

/* ---- one file ---------------------------------------------------------------------------------------------------- */

static int read_profile(const char *path, struct profile **ret, char *why) {
    _cleanup_buffer_ struct buffer data = BUFFER_INIT(SAVED_FILE_BYTES_MAX);
    char reason[256] = "out of memory";
    int error = file_read(path, &data);
    if (error)
        return refuse(why, error, path, error == -EFBIG ? "larger than 512 MB" : strerror(-error));
    error = profile_decode(data.data ? data.data : "", data.size, ret, reason, sizeof reason);
    return error ? refuse(why, error, path, reason) : 0;
}

/* Requests that were completed while the profile ran: in the file beside it; 0 without one. */
static uint64_t requests_beside(const char *path) {
    _cleanup_free_ char *stats = NULL;
    if (asprintf(&stats, "%s.stats", path) < 0)
        return 0;
    return stats_file_requests(stats);
}

static int add_profile(struct saved_run *saved, const char *path, char *why) {
    struct profile *profile = NULL;
    if (saved->n_phases == SAVED_PROFILES_MAX)
        return refuse(why, -E2BIG, path, "more profiles than one report holds");
    int error = read_profile(path, &profile, why);
    if (error)
        return error;
    char *title = title_of(path);
    struct report_phase *longer = reallocarray(saved->phases, saved->n_phases + 1, sizeof *longer);
    if (longer)
        saved->phases = longer;
    if (!title || !longer) {
        free(title);
        profile_free(profile);
        return refuse(why, -ENOMEM, path, "out of memory");
    }
    saved->phases[saved->n_phases++] =
        (struct report_phase){.name = title, .profile = profile, .requests = requests_beside(path)};
    return 0;
}

/* ---- a folder ---------------------------------------------------------------------------------------------------- */

/* The order of a run's phases, others behind them. */
static size_t rank_of(const char *name) {
    for (size_t i = 1; i < N_PHASES; i++)
        if (strncmp(name, phases[i].name, strlen(phases[i].name)) == 0 &&
            strcmp(name + strlen(phases[i].name), ending) == 0)
            return i;
    return N_PHASES;
}

static int compare_names(const struct dirent **left, const struct dirent **right) {
    size_t a = rank_of((*left)->d_name), b = rank_of((*right)->d_name);
    if (a != b)
        return a < b ? -1 : 1;
    return strcmp((*left)->d_name, (*right)->d_name);
}

static int keep_profiles(const struct dirent *entry) {
    return is_profile_name(entry->d_name);
}

/* Where it is missing, or damaged, the profiles are shown without it. */
static int read_load(struct saved_run *saved, const char *folder, char *why) {
    _cleanup_free_ char *path = NULL;
    _cleanup_buffer_ struct buffer data = BUFFER_INIT(LOAD_FILE_BYTES_MAX);
    char reason[256] = "out of memory";
    if (asprintf(&path, "%s/%s", folder, LOAD_FILE_NAME) < 0)
        path = NULL;
    if (!path)
        return refuse(why, -ENOMEM, folder, "out of memory");
    int error = file_read(path, &data);
    if (error)
        return error == -ENOENT ? 0 : refuse(why, error, path, strerror(-error));
    error = load_file_read(data.data ? data.data : "", data.size, &saved->load, reason, sizeof reason);
    return error ? refuse(why, error, path, reason) : 0;
}

static int add_folder(struct saved_run *saved, const char *path, char *why) {
    struct dirent **entries = NULL;
    int n = scandir(path, &entries, keep_profiles, compare_names);
    if (n < 0)
        return refuse(why, -errno, path, strerror(errno));
    int error = 0;
    for (int i = 0; i < n; i++) {
        _cleanup_free_ char *file = NULL;
        if (asprintf(&file, "%s/%s", path, entries[i]->d_name) < 0)
            file = NULL;
        if (!error)
            error = file ? add_profile(saved, file, why) : refuse(why, -ENOMEM, path, "out of memory");
        free(entries[i]);
    }
    free(entries);
    saved->is_folder = true;
    saved->folder = strdup(path);
    return error ? error : read_load(saved, path, why);
}

int saved_run_add(struct saved_run *saved, const char *path, char why[SAVED_WHY_BYTES]) {
    struct stat status;
    if (stat(path, &status))
        return refuse(why, -errno, path, strerror(errno));
    if (saved->is_folder || (S_ISDIR(status.st_mode) && saved->n_phases > 0))
        return refuse(why, -EINVAL, path, "a run's folder is reported on by itself");
    return S_ISDIR(status.st_mode) ? add_folder(saved, path, why) : add_profile(saved, path, why);
}

void saved_run_seal(struct saved_run *saved) {
    saved->run.phases = saved->phases;
    saved->run.n_phases = saved->n_phases;
    if (!saved->is_folder)
        return;
    saved->run.folder = saved->folder;
    if (saved->load)
        report_run_set_load(&saved->run, saved->load);
    objects_find(saved->phases, saved->n_phases, &saved->objects);
    saved->run.objects = saved->objects.items;
    saved->run.n_objects = saved->objects.n;
}

void saved_run_done(struct saved_run *saved) {
    for (size_t i = 0; i < saved->n_phases; i++) {
        profile_free((struct profile *)(uintptr_t)saved->phases[i].profile);
        free((char *)(uintptr_t)saved->phases[i].name);
    }
    free(saved->phases);
    free(saved->folder);
    load_file_free(saved->load);
    objects_done(&saved->objects);
    *saved = (struct saved_run){0};
}
