/* What a process with one thread may count on; prints a line a fact.
 *   alone identity   who each of its threads is, after it became somebody else over and over
 *   alone exit       ends when its last thread ends, with 0 */
#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/single_threaded.h>
#include <unistd.h>

#define NOBODY 65534
#define ROUNDS 200

/* The effective user of each of the process's threads, by what the kernel says; -1 when they are not one. */
static int user_of_all(void) {
    int user = -2;
    DIR *tasks = opendir("/proc/self/task");
    for (struct dirent *entry; tasks && (entry = readdir(tasks));) {
        char path[300], line[200];
        snprintf(path, sizeof path, "/proc/self/task/%s/status", entry->d_name);
        FILE *file = entry->d_name[0] == '.' ? NULL : fopen(path, "r");
        while (file && fgets(line, sizeof line, file)) {
            int real, effective;
            if (sscanf(line, "Uid: %d %d", &real, &effective) == 2)
                user = user == -2 || user == effective ? effective : -1;
        }
        if (file)
            fclose(file);
    }
    if (tasks)
        closedir(tasks);
    return user;
}

static void *become_and_return(void *unused) {
    for (int i = 0; i < ROUNDS; i++)
        if (seteuid(i % 2 ? 0 : NOBODY))
            exit(1);
    return unused;
}

static int identity(void) {
    printf("single-threaded %d\n", __libc_single_threaded);
    for (int i = 0; i < ROUNDS; i++)
        if (seteuid(NOBODY) || user_of_all() != NOBODY || seteuid(0) || user_of_all() != 0)
            return 1;
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, become_and_return, NULL);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    if (setuid(NOBODY) || user_of_all() != NOBODY)
        return 1;
    printf("nobody\n");
    return 0;
}

static void *end(void *unused) {
    usleep(10000);
    return unused;
}

int main(int argc, char **argv) {
    if (argc == 2 && !strcmp(argv[1], "identity"))
        return identity();
    pthread_t thread;
    if (argc != 2 || strcmp(argv[1], "exit") || pthread_create(&thread, NULL, end, NULL))
        return 2;
    pthread_detach(thread);
    pthread_exit(NULL);
}
