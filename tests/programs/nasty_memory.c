/* Stacks that are not a thread's, code that comes and goes, objects that change hands, every allocation function. */
#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

#include "nasty.h"

/* ---- contexts ---- */
static ucontext_t scheduler, coroutine;
static unsigned steps;

static void coroutine_main(void) {
    for (;;) {
        void *object = malloc(50);
        nasty_burn(5);
        free(object);
        steps++;
        swapcontext(&coroutine, &scheduler);
    }
}

static void *schedules(void *data) {
    do {
        void *stack = malloc(16384);
        CHECK(getcontext(&coroutine) == 0);
        coroutine.uc_stack = (stack_t){.ss_sp = stack, .ss_size = 16384};
        coroutine.uc_link = &scheduler;
        makecontext(&coroutine, coroutine_main, 0);
        unsigned before = steps;
        for (int i = 0; i < 200; i++)
            CHECK(swapcontext(&scheduler, &coroutine) == 0);
        CHECK(steps == before + 200);
        memset(stack, 0xa5, 16384);
        free(stack);
    } while (nasty_more());
    return data;
}

void nasty_contexts(void) {
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, schedules, NULL) == 0 && pthread_join(thread, NULL) == 0);
}

/* ---- dlopen ---- */
static void *loads(void *data) {
    do {
        void *library = dlopen(getenv("NASTY_PLUGIN"), RTLD_NOW);
        CHECK(library);
        union {
            void *object;
            int (*call)(int (*)(int), int);
        } plugin = {.object = dlsym(library, "plugin_call")};
        CHECK(plugin.call && plugin.call((int (*)(int))abs, -41) == 42);
        nasty_burn(200);
        CHECK(dlclose(library) == 0);
    } while (nasty_more());
    return data;
}

void nasty_dlopen(void) {
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        CHECK(pthread_create(&threads[i], NULL, loads, NULL) == 0);
    for (int i = 0; i < 2; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
}

/* ---- cross_free: each thread frees what another one allocated; exactly LIVE objects of LIVE_BYTES are left ---- */
#define SLOTS 512
#define LIVE 777
#define LIVE_BYTES 96
static void *slots[SLOTS];
static void *live[LIVE];

NOINLINE static void *allocate_slot(size_t size) {
    void *object = malloc(size);
    CHECK(object);
    return object;
}

NOINLINE static void *allocate_live(void) {
    void *object = realloc(allocate_slot(10), LIVE_BYTES);
    CHECK(object);
    return object;
}

static void *trades(void *data) {
    unsigned random = (unsigned)(uintptr_t)data;
    do {
        for (int i = 0; i < 1000; i++) {
            random = random * 1664525 + 1013904223;
            void *mine = allocate_slot(random % 64);
            free(__atomic_exchange_n(&slots[random >> 20 & (SLOTS - 1)], mine, __ATOMIC_ACQ_REL));
        }
    } while (nasty_more());
    return NULL;
}

void nasty_cross_free(void) {
    pthread_t threads[4];
    for (uintptr_t i = 0; i < 4; i++)
        CHECK(pthread_create(&threads[i], NULL, trades, (void *)(i + 1)) == 0);
    for (int i = 0; i < LIVE; i++)
        live[i] = allocate_live();
    for (int i = 0; i < 4; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    for (int i = 0; i < SLOTS; i++)
        free(slots[i]);
    char byte;
    printf("ready\n");
    fflush(stdout);
    while (nasty_profiling && read(STDIN_FILENO, &byte, 1) > 0) {
    }
    for (int i = 0; i < LIVE; i++)
        free(live[i]);
}

/* ---- allocators ---- */
static void check_alignment(size_t alignment) {
    void *object = NULL;
    CHECK(posix_memalign(&object, alignment, 100) == 0 && (uintptr_t)object % alignment == 0);
    free(object);
    CHECK((object = aligned_alloc(alignment, alignment * 2)) && (uintptr_t)object % alignment == 0);
    CHECK((object = realloc(object, alignment * 4)));
    free(object);
    CHECK((object = memalign(alignment, 33)) && (uintptr_t)object % alignment == 0);
    free(object);
}

/* Through pointers: compilers take it that these do not fail. */
static void *(*volatile resize)(void *, size_t) = realloc;
static void *(*volatile resize_array)(void *, size_t, size_t) = reallocarray;
static void *(*volatile allocate_zero)(size_t, size_t) = calloc;

static void check_once(volatile size_t huge) {
    char *object = calloc(100, 10);
    for (int i = 0; i < 1000; i++)
        CHECK(object[i] == 0);
    memset(object, 7, 1000);
    errno = 0;
    CHECK(!resize(object, huge) && errno == ENOMEM && object[999] == 7);
    errno = 0;
    CHECK(!allocate_zero(huge, 3) && errno == ENOMEM);
    errno = 0;
    CHECK(!resize_array(object, huge, 3) && errno == ENOMEM && object[0] == 7);
    CHECK((object = realloc(object, 1 << 20)) && object[999] == 7 && malloc_usable_size(object) >= 1 << 20);
    errno = 4711;
    free(object);
    free(NULL);
    CHECK(errno == 4711);
    void *empty = malloc(0), *untouched = &empty;
    CHECK(empty && !realloc(empty, 0));
    CHECK(posix_memalign(&untouched, 3, 8) == EINVAL && untouched == &empty);
    for (size_t alignment = sizeof(void *); alignment <= 1 << 16; alignment *= 2)
        check_alignment(alignment);
    free(valloc(10));
    free(pvalloc(10));
    free(strdup("text"));
}

void nasty_allocators(void) {
    do
        check_once(PTRDIFF_MAX);
    while (nasty_more());
}

/* ---- restart: start and stop while everything is in use ---- */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void *uses(void *data) {
    do {
        pthread_mutex_lock(&mutex);
        void *object = malloc(100);
        nasty_burn(10);
        pthread_mutex_unlock(&mutex);
        free(realloc(object, 200));
        usleep(10);
    } while (nasty_more());
    return data;
}

void nasty_restart(void) {
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        CHECK(pthread_create(&threads[i], NULL, uses, NULL) == 0);
    while (nasty_profiling && nasty_more()) {
        int port = piko_profiling_port(nasty_profiling);
        CHECK(piko_profiling_stop(nasty_profiling) == 0);
        CHECK(nasty_start(port, &nasty_profiling) == 0);
        usleep(20000);
    }
    for (int i = 0; i < 3; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
}
