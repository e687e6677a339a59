#include "visits.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define PATHS_MAX 64u

struct visits {
    pthread_mutex_t mutex; /* guards all below */
    struct {
        char *path;
        uint64_t count;
    } paths[PATHS_MAX];
    size_t n_paths;
};

struct visits *visits_new(void) {
    struct visits *visits = calloc(1, sizeof *visits);
    if (!visits)
        abort();
    pthread_mutex_init(&visits->mutex, NULL);
    return visits;
}

void visits_free(struct visits *visits) {
    for (size_t i = 0; i < visits->n_paths; i++)
        free(visits->paths[i].path);
    pthread_mutex_destroy(&visits->mutex);
    free(visits);
}

void visits_count(struct visits *visits, const char *path) {
    pthread_mutex_lock(&visits->mutex);
    size_t i = 0;
    while (i < visits->n_paths && strcmp(visits->paths[i].path, path) != 0)
        i++;
    if (i == visits->n_paths && i < PATHS_MAX) {
        visits->paths[i].path = strdup(path);
        if (!visits->paths[i].path)
            abort();
        visits->n_paths++;
    }
    if (i < PATHS_MAX)
        visits->paths[i].count++;
    pthread_mutex_unlock(&visits->mutex);
}

void visits_list(struct visits *visits, struct text *ret) {
    text_format(ret, "# Visits\n\n");
    pthread_mutex_lock(&visits->mutex);
    for (size_t i = 0; i < visits->n_paths; i++)
        text_format(ret, "- `%s`: %lu\n", visits->paths[i].path, (unsigned long)visits->paths[i].count);
    pthread_mutex_unlock(&visits->mutex);
}
