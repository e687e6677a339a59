/* A server's worker: elsewhere FOLDER. The child goes to another root, folder and user, as far as it may, and says what it
 * reached; then it burns CPU time and allocates until the parent's standard input ends. */
#include <grp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOBODY 65534

__attribute__((noinline)) static void works_elsewhere(void) {
    for (unsigned i = 0;; i++) {
        void *volatile object = malloc(i % 4096 + 1);
        if (i % 3)
            free(object);
        if (i % 65536 == 0)
            usleep(1000);
    }
}

static void *waits_elsewhere(void *unused) {
    pause();
    return unused;
}

int main(int argc, char **argv) {
    if (argc < 2)
        return 2;
    pid_t child = fork();
    if (child == 0) {
        pthread_t thread;
        int failed = chroot(argv[1]) || chdir("/") || setgroups(0, NULL) || setgid(NOBODY) || setuid(NOBODY);
        printf("%s %d\n", failed ? "here" : "elsewhere", (int)getuid());
        fflush(stdout);
        pthread_create(&thread, NULL, waits_elsewhere, NULL);
        works_elsewhere();
    }
    char byte;
    while (read(STDIN_FILENO, &byte, 1) > 0) {
    }
    kill(child, SIGTERM);
    waitpid(child, NULL, 0);
    return 0;
}
