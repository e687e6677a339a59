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
};

struct piko_profiling *nasty_profiling;
static bool profiled;
static double deadline;

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

bool nasty_more(void) {
    return now() < deadline;
}

void nasty_burn(unsigned us) {
    static volatile unsigned sink;
    for (double end = now() + us / 1e6; now() < end;)
        for (unsigned i = 0; i < 1000; i++)
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
            .port = port, .mem_profile_rate_bytes = 1, .block_rate_ns = 1, .mutex_fraction = 1, .log = silent},
        ret);
}

int main(int argc, char **argv) {
    if (argc < 3)
        return 2;
    profiled = argc > 3;
    if (profiled) {
        CHECK(nasty_start(PIKO_ANY_PORT, &nasty_profiling) == 0);
        printf("port %d\n", piko_profiling_port(nasty_profiling));
        fflush(stdout);
    }
    deadline = now() + atof(argv[2]);
    for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++)
        if (!strcmp(argv[1], scenarios[i].name)) {
            scenarios[i].run();
            printf("ok\n");
            return 0;
        }
    return 2;
}
