/* Starts profiling and says that it listens: in C99 and in C++11. */
#include <piko/piko.h>
#include <stdio.h>

int main(void) {
    static struct piko_profiling_options options;
    struct piko_profiling *profiling;
    options.port = PIKO_ANY_PORT;
    if (piko_profiling_start(&options, &profiling))
        return 1;
    uint64_t task = piko_task_begin(0, "consumer");
    piko_label_set("language", "C");
    piko_label_clear(NULL);
    piko_task_end(task);
    printf("%d\n", piko_profiling_port(profiling) > 0);
    return piko_profiling_stop(profiling);
}
