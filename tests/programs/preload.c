/* Makes any program profile itself: loaded in front of it, behind libpiko.so. Writes the endpoints' port to the file that
 * PIKO_PORT_FILE names. */
#include <piko/piko.h>
#include <stdio.h>
#include <stdlib.h>

__attribute__((constructor)) static void start(void) {
    struct piko_profiling *profiling;
    const char *path = getenv("PIKO_PORT_FILE");
    unsetenv("LD_PRELOAD"); /* children of the program are not meant */
    if (!path || piko_profiling_start(&(struct piko_profiling_options){.port = PIKO_ANY_PORT}, &profiling))
        return;
    FILE *file = fopen(path, "we");
    if (!file)
        return;
    fprintf(file, "%d\n", piko_profiling_port(profiling));
    fclose(file);
}
