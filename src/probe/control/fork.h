#ifndef PIKO_PROBE_CONTROL_FORK_H
#define PIKO_PROBE_CONTROL_FORK_H

/* Once: our signal is blocked while the process forks (a timer that keeps interrupting the fork of a large process would
 * never let it end), and a child starts clean: hooks off, no timers, no thread of ours. */
void fork_init(void);

#endif
