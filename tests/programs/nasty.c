#include "nasty.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

static const struct {
    const char *name;
    void (*run)(void);
} scenarios[] = {
    {"thread_storm", nasty_thread_storm},
    {"cancel", nasty_cancel},
    {"exit_keys", nasty_exit_keys},
    {"locks", nasty_locks},
    {"fork", nasty_fork},
    {"fork_start", nasty_fork_start},
    {"fork_port", nasty_fork_port},
    {"spawn", nasty_spawn},
    {"eintr", nasty_eintr},
    {"sigwait", nasty_sigwait},
    {"own_handler", nasty_own_handler},
    {"altstack", nasty_altstack},
    {"longjmp", nasty_longjmp},
    {"contexts", nasty_contexts},
    {"dlopen", nasty_dlopen},
    {"cross_free", nasty_cross_free},
    {"allocators", nasty_allocators},
    {"restart", nasty_restart},
    {"fork_large", nasty_fork_large},
    {"timed_waits", nasty_timed_waits},
};

struct piko_profiling *nasty_profiling;
static bool profiled;
static int64_t heap_rate = 1;
static double deadline;
static long rounds = -1; /* A: that are left, in place of a deadline; -1 = there is one */

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

bool nasty_more(void) {
    if (rounds >= 0)
        return __atomic_sub_fetch(&rounds, 1, __ATOMIC_RELAXED) > 0;
    return now() < deadline;
}

#define STEPS_A_US 500 /* about, on machines of 2020 */

void nasty_burn(unsigned us) {
    static volatile unsigned sink;
    for (unsigned i = 0; i < us * STEPS_A_US; i++)
        sink = sink + i;
}

static void silent(void *data, enum piko_log_level level, const char *message) {
    (void)data;
    (void)level;
    (void)message;
}

int nasty_start(int port, struct piko_profiling **ret) {
    if (!profiled)
        return -1;
    return piko_profiling_start(
        &(struct piko_profiling_options){
            .port = port, .mem_profile_rate_bytes = heap_rate, .block_rate_ns = 1, .mutex_fraction = 1, .log = silent},
        ret);
}

/* So many rounds, at a heap rate that programs can live with: begins when told to, and says how long it took. */
static void run_rounds(void (*run)(void)) {
    char byte;
    CHECK(read(STDIN_FILENO, &byte, 1) == 1);
    double began = now();
    run();
    printf("took %.6f\n", now() - began);
}

int main(int argc, char **argv) {
    if (argc < 3)
        return 2;
    profiled = argc > 3;
    if (argv[2][0] == 'x') {
        rounds = atol(argv[2] + 1);
        heap_rate = 1024;
    }
    if (profiled) {
        CHECK(nasty_start(PIKO_ANY_PORT, &nasty_profiling) == 0);
        printf("port %d\n", piko_profiling_port(nasty_profiling));
        fflush(stdout);
    }
    deadline = now() + atof(argv[2]);
    for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++)
        if (!strcmp(argv[1], scenarios[i].name)) {
            if (rounds >= 0)
                run_rounds(scenarios[i].run);
            else
                scenarios[i].run();
            printf("ok\n");
            return 0;
        }
    return 2;
}
