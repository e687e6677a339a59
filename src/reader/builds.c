#include "reader/builds.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "symbols/build_flags.h"

#define FILES_MAX 4096u /* looked at in all; a large build runs some hundred programs and libraries */
#define WAITING_MAX 256u
#define MAPS_BYTES_MAX (4u << 20)
#define PROGRAM_BYTES 256u

struct waiting {
    uint32_t pid;
    char program[PROGRAM_BYTES];
};

struct looked_at {
    struct looked_at *next;
    char *path;
    char *sentence; /* NULL = nothing to say */
};

struct builds {
    void (*say)(void *data, const char *sentence);
    void *data;
    pthread_t thread;
    pthread_mutex_t lock; /* of all below */
    pthread_cond_t changed;
    bool ending;
    struct waiting waiting[WAITING_MAX]; /* a ring */
    unsigned first, n_waiting;
    struct looked_at *files; /* entries stay */
    unsigned n_files;
};

static struct looked_at *find(struct builds *builds, const char *path) {
    struct looked_at *file = builds->files;
    while (file && strcmp(file->path, path) != 0)
        file = file->next;
    return file;
}

static void keep(struct builds *builds, struct looked_at *file) {
    pthread_mutex_lock(&builds->lock);
    file->next = builds->files;
    builds->files = file;
    builds->n_files++;
    pthread_mutex_unlock(&builds->lock);
}

static bool is_new(struct builds *builds, const char *path) {
    pthread_mutex_lock(&builds->lock);
    bool is_new = builds->n_files < FILES_MAX && !find(builds, path);
    pthread_mutex_unlock(&builds->lock);
    return is_new;
}

static void look_at_file(struct builds *builds, const char *path) {
    struct build_flags flags = {0};
    char sentence[BUILD_FLAGS_SENTENCE_BYTES];
    struct looked_at *file = is_new(builds, path) ? calloc(1, sizeof *file) : NULL;
    if (!file || !(file->path = strdup(path))) {
        free(file);
        return;
    }
    if (build_flags_look(path, /* build_id= */ "", &flags))
        flags.flags = 0;
    build_flags_tell(path, flags.flags, sentence);
    file->sentence = sentence[0] ? strdup(sentence) : NULL;
    keep(builds, file);
    if (file->sentence)
        builds->say(builds->data, file->sentence);
}

/* In another root, or after an upgrade, the same path is another file. */
static bool is_same_file(const char *path, unsigned major_number, unsigned minor_number, uint64_t inode) {
    struct stat status;
    return stat(path, &status) == 0 && status.st_ino == inode && major(status.st_dev) == major_number &&
           minor(status.st_dev) == minor_number;
}

/* A line of /proc/PID/maps: "start-end r-xp offset major:minor inode   /path". */
static void look_at_line(struct builds *builds, const char *line) {
    unsigned major_number, minor_number;
    uint64_t inode;
    char rights[5];
    int path = 0;
    if (sscanf(line, "%*x-%*x %4s %*x %x:%x %" SCNu64 " %n", rights, &major_number, &minor_number, &inode, &path) ==
            4 &&
        path > 0 && line[path] == '/' && rights[2] == 'x' &&
        is_same_file(line + path, major_number, minor_number, inode))
        look_at_file(builds, line + path);
}

static void look_at_process(struct builds *builds, const struct waiting *process) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%" PRIu32 "/maps", process->pid);
    _cleanup_buffer_ struct buffer maps = BUFFER_INIT(MAPS_BYTES_MAX);
    if ((file_read(path, &maps) || !maps.size) && process->program[0] == '/') {
        look_at_file(builds, process->program);
        return;
    }
    char *rest = NULL;
    for (char *line = maps.data ? strtok_r(maps.data, "\n", &rest) : NULL; line; line = strtok_r(NULL, "\n", &rest))
        look_at_line(builds, line);
}

/* What waits is looked at before the end: most processes of a build live only so long. */
static bool next(struct builds *builds, struct waiting *ret) {
    pthread_mutex_lock(&builds->lock);
    while (!builds->n_waiting && !builds->ending)
        pthread_cond_wait(&builds->changed, &builds->lock);
    bool is_there = builds->n_waiting > 0;
    if (is_there) {
        *ret = builds->waiting[builds->first];
        builds->first = (builds->first + 1) % WAITING_MAX;
        builds->n_waiting--;
    }
    pthread_mutex_unlock(&builds->lock);
    return is_there;
}

static void *look(void *data) {
    struct waiting process;
    prctl(PR_SET_NAME, "piko-builds");
    while (next(data, &process))
        look_at_process(data, &process);
    return NULL;
}

int builds_new(void (*say)(void *data, const char *sentence), void *data, struct builds **ret) {
    struct builds *builds = calloc(1, sizeof *builds);
    if (!builds)
        return -ENOMEM;
    builds->say = say;
    builds->data = data;
    pthread_mutex_init(&builds->lock, NULL);
    pthread_cond_init(&builds->changed, NULL);
    int error = pthread_create(&builds->thread, NULL, look, builds);
    if (error)
        free(builds);
    else
        *ret = builds;
    return -error;
}

void builds_free(struct builds *builds) {
    if (!builds)
        return;
    pthread_mutex_lock(&builds->lock);
    builds->ending = true;
    pthread_cond_signal(&builds->changed);
    pthread_mutex_unlock(&builds->lock);
    pthread_join(builds->thread, NULL);
    while (builds->files) {
        struct looked_at *file = builds->files;
        builds->files = file->next;
        free(file->path);
        free(file->sentence);
        free(file);
    }
    pthread_cond_destroy(&builds->changed);
    pthread_mutex_destroy(&builds->lock);
    free(builds);
}

void builds_look(struct builds *builds, uint32_t pid, const char *program) {
    pthread_mutex_lock(&builds->lock);
    if (builds->n_waiting < WAITING_MAX) {
        struct waiting *process = &builds->waiting[(builds->first + builds->n_waiting++) % WAITING_MAX];
        process->pid = pid;
        snprintf(process->program, sizeof process->program, "%s", program);
        pthread_cond_signal(&builds->changed);
    }
    pthread_mutex_unlock(&builds->lock);
}

const char *builds_find(struct builds *builds, const char *path) {
    if (!builds)
        return NULL;
    pthread_mutex_lock(&builds->lock);
    const struct looked_at *file = find(builds, path);
    pthread_mutex_unlock(&builds->lock);
    return file ? file->sentence : NULL;
}

void builds_list(struct builds *builds, void (*visit)(const char *sentence, void *data), void *data) {
    if (!builds)
        return;
    pthread_mutex_lock(&builds->lock);
    for (const struct looked_at *file = builds->files; file; file = file->next)
        if (file->sentence)
            visit(file->sentence, data);
    pthread_mutex_unlock(&builds->lock);
}
