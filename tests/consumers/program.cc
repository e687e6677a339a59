// The same as program.c, in the forms of C++.
#include <piko/piko.hpp>
#include <stdio.h>
#include <string>

int main(void) {
    static struct piko_profiling_options options;
    struct piko_profiling *profiling;
    options.port = PIKO_ANY_PORT;
    if (piko_profiling_start(&options, &profiling))
        return 1;
    {
        piko::task task("consumer");
        piko::label label("language", "C++");
        piko::region region(task, "say");
        piko::log(task, "standard", std::to_string(__cplusplus));
        piko::labels taken;
        piko::with_labels given(taken);
    }
    printf("%d\n", piko_profiling_port(profiling) > 0);
    return piko_profiling_stop(profiling);
}
