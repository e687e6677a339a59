/* A parent keeps objects that its child frees, each of them a sample at a rate of 1. Prints "ready" when the child is done,
 * and ends when told to. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define OBJECTS 500
#define BYTES 100

static void *kept[OBJECTS];

__attribute__((noinline)) static void keeps(void) {
    for (int i = 0; i < OBJECTS; i++)
        kept[i] = malloc(BYTES);
}

int main(void) {
    keeps();
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
