/* The least that a hook can be: a jump to the real function. What any preloaded hook costs for being called at all. */
#include <dlfcn.h>
#include <pthread.h>

static __typeof__(pthread_mutex_lock) *mutex_lock;
static __typeof__(pthread_mutex_unlock) *mutex_unlock;
static __typeof__(pthread_rwlock_rdlock) *rwlock_rdlock;
static __typeof__(pthread_rwlock_unlock) *rwlock_unlock;

__attribute__((constructor)) static void find(void) {
    mutex_lock = (__typeof__(mutex_lock))dlsym(RTLD_NEXT, "pthread_mutex_lock");
    mutex_unlock = (__typeof__(mutex_unlock))dlsym(RTLD_NEXT, "pthread_mutex_unlock");
    rwlock_rdlock = (__typeof__(rwlock_rdlock))dlsym(RTLD_NEXT, "pthread_rwlock_rdlock");
    rwlock_unlock = (__typeof__(rwlock_unlock))dlsym(RTLD_NEXT, "pthread_rwlock_unlock");
}

int pthread_mutex_lock(pthread_mutex_t *mutex) {
    return mutex_lock(mutex);
}

int pthread_mutex_unlock(pthread_mutex_t *mutex) {
    return mutex_unlock(mutex);
}

int pthread_rwlock_rdlock(pthread_rwlock_t *rwlock) {
    return rwlock_rdlock(rwlock);
}

int pthread_rwlock_unlock(pthread_rwlock_t *rwlock) {
    return rwlock_unlock(rwlock);
}
