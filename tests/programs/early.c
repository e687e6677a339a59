/* Allocates as soon as it runs, 64 MiB in pieces, which stay; then the same in a fork child. Both wait for the end of
 * standard input. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

__attribute__((noinline)) static void allocates_early(void) {
    for (int i = 0; i < 1024; i++)
        if (!malloc(64 << 10))
            abort();
    __asm__ volatile("");
}

int main(void) {
    char byte;
    allocates_early();
    if (fork() == 0)
        allocates_early();
    puts("ready");
    fflush(stdout);
    return read(STDIN_FILENO, &byte, 1) != 0;
}
