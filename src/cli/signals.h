/* Ctrl-C, SIGTERM and a terminal that hangs up as a flag that everything looks at. */
#ifndef PIKO_CLI_SIGNALS_H
#define PIKO_CLI_SIGNALS_H

/* From here on the first SIGINT, SIGTERM or SIGHUP sets the flag and a second one ends the process at once, with 128 and the
 * signal's number. */
void signals_catch(void);

/* The flag: 0, or the signal's number. */
const volatile int *signals_stop(void);

#endif
