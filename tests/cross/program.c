/* Knows nothing of Piko: works in two functions, three to one, keeps what it allocates, holds a lock that another thread
 * wants, and reads standard input to its end. */
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#define NOINLINE __attribute__((noinline))
#define KEPT 4000
#define KEPT_BYTES 1000
#define HOLD_US 1000

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static void *volatile kept[KEPT];
static volatile bool stop;

NOINLINE static void turn(unsigned n) {
    for (volatile unsigned i = 0; i < n; i++)
        ;
}

NOINLINE static void works_much(void) {
    turn(3000);
    __asm__ volatile(""); /* keeps its frame */
}

NOINLINE static void works_little(void) {
    turn(1000);
    __asm__ volatile("");
}

NOINLINE static void *works(void *unused) {
    while (!stop) {
        works_much();
        works_little();
    }
    return unused;
}

NOINLINE static void keeps(void) {
    for (int i = 0; i < KEPT; i++)
        kept[i] = malloc(KEPT_BYTES);
}

NOINLINE static void *takes_turns(void *unused) {
    while (!stop) {
        pthread_mutex_lock(&lock);
        usleep(HOLD_US);
        pthread_mutex_unlock(&lock);
    }
    return unused;
}

int main(void) {
    static void *(*const roots[])(void *) = {works, takes_turns, takes_turns};
    pthread_t threads[3];
    char byte;
    keeps();
    for (int i = 0; i < 3; i++)
        if (pthread_create(&threads[i], NULL, roots[i], NULL))
            return 1;
    while (read(0, &byte, 1) > 0)
        ;
    stop = true;
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    return 0;
}
