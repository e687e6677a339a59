#include "cli/signals.h"

#include <signal.h>
#include <unistd.h>

#include "cli/command.h"

static volatile int caught;

static void on_signal(int number) {
    if (caught)
        _exit(EXIT_SIGNAL + number);
    caught = number;
}

void signals_catch(void) {
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    struct sigaction before;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    if (sigaction(SIGHUP, NULL, &before) == 0 && before.sa_handler != SIG_IGN) /* nohup stays nohup */
        sigaction(SIGHUP, &action, NULL);
}

const volatile int *signals_stop(void) {
    return &caught;
}
