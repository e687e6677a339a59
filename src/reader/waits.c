#include "reader/waits.h"

#include <string.h>

/* In every name that libc has for them, exported or internal: pthread_cond_wait, __pthread_cond_wait_common … */
static const struct {
    const char *part;
    enum segment_thread_state state;
} functions[] = {
    {"pthread_cond_", SEGMENT_THREAD_COND},      {"pthread_mutex_", SEGMENT_THREAD_MUTEX},
    {"pthread_rwlock_", SEGMENT_THREAD_RWLOCK},  {"new_sem_", SEGMENT_THREAD_SEMAPHORE},
    {"sem_wait", SEGMENT_THREAD_SEMAPHORE},      {"sem_timedwait", SEGMENT_THREAD_SEMAPHORE},
    {"sem_clockwait", SEGMENT_THREAD_SEMAPHORE}, {"pthread_barrier_", SEGMENT_THREAD_BARRIER},
    {"pthread_clockjoin", SEGMENT_THREAD_JOIN},  {"pthread_join", SEGMENT_THREAD_JOIN},
    {"pthread_timedjoin", SEGMENT_THREAD_JOIN},
};

static bool is_libc(const struct places *places, const struct place *place) {
    if (place->module == MODULES_NONE)
        return false;
    const char *path = places->modules.list[place->module].path, *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    return !strncmp(name, "libc.so", 7) || !strncmp(name, "libc-", 5) || !strncmp(name, "libpthread", 10);
}

enum segment_thread_state waits_in_futex(const struct places *places, const struct view_stack *stack) {
    for (uint32_t i = 0; i < stack->n_frames; i++) {
        const struct place *place = places_at(places, stack->pcs[i]);
        if (!place || !is_libc(places, place))
            break;
        for (uint32_t j = 0; j < place->answer.n_frames; j++)
            for (size_t k = 0; k < sizeof(functions) / sizeof(functions[0]); k++)
                if (strstr(place->answer.frames[j].name, functions[k].part))
                    return functions[k].state;
    }
    return SEGMENT_THREAD_FUTEX;
}
