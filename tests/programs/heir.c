/* A parent keeps objects that its child frees, each of them a sample at a rate of 1. Prints "ready" when the child is done,
 * and ends when told to. With "limited" as its argument the child may have no thread beside its own. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define OBJECTS 500
#define BYTES 100
#define LONELY 64322 /* nobody has that number */

static void *kept[OBJECTS];

__attribute__((noinline)) static void keeps(void) {
    for (int i = 0; i < OBJECTS; i++)
        kept[i] = malloc(BYTES);
}

/* From here on this user may have one process more, and that no second thread. */
static int limit_children(void) {
    struct rlimit limit = {.rlim_cur = 3, .rlim_max = 3};
    return setresuid(LONELY, LONELY, LONELY) || setrlimit(RLIMIT_NPROC, &limit);
}

int main(int argc, char **argv) {
    keeps();
    if (argc == 2 && (strcmp(argv[1], "limited") || limit_children()))
        return 1;
    pid_t child = fork();
    if (child == 0) {
        for (int i = 0; i < OBJECTS; i++)
            free(kept[i]);
        _exit(0);
    }
    int status;
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
        return 1;
    puts("ready");
    fflush(stdout);
    getchar();
    return kept[0] == NULL;
}
