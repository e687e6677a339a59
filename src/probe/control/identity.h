#ifndef PIKO_PROBE_CONTROL_IDENTITY_H
#define PIKO_PROBE_CONTROL_IDENTITY_H

/* Once, before our thread is there: find the functions of libc that change who a process is (identity.c). */
void identity_init(void);

#endif
