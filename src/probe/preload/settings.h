/* The settings that a supervisor leaves in the environment. */
#ifndef PIKO_PROBE_PRELOAD_SETTINGS_H
#define PIKO_PROBE_PRELOAD_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "probe/control/control.h"
#include "segment/hello.h"

struct settings {
    char name[HELLO_NAME_BYTES]; /* of the supervisor's socket */
    uint64_t token;
    struct control_rates rates;
    char program[HELLO_SHORT_BYTES]; /* name of the program, as its caller wrote it */
    uint32_t only;                   /* pid of the one process that is to register; 0 = all */
};

/* Read HELLO_VARIABLE's value; NULL is taken. False when it is not of this version or not well formed. */
bool settings_parse(const char *text, struct settings *ret);

#endif
