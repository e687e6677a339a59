/* What the test programs share: start profiling on a free port, say which, and run until standard input ends. */
#ifndef PIKO_TESTS_TARGET_H
#define PIKO_TESTS_TARGET_H

#include <piko/piko.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct piko_profiling *target_start(struct piko_profiling_options options) {
    struct piko_profiling *profiling;
    options.port = PIKO_ANY_PORT;
    if (piko_profiling_start(&options, &profiling))
        exit(1);
    printf("port %d\n", piko_profiling_port(profiling));
    fflush(stdout);
    return profiling;
}

/* Say that the scenario stands. */
static inline void target_ready(void) {
    printf("ready\n");
    fflush(stdout);
}

/* The same, then wait for the test. */
static inline void target_wait(void) {
    char byte;
    target_ready();
    while (read(STDIN_FILENO, &byte, 1) > 0) {
    }
}

#ifdef __clang__
#define NOINLINE __attribute__((noinline))
#else
#define NOINLINE __attribute__((noinline, noclone))
#endif

#endif
