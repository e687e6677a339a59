#ifndef PIKO_PROBE_CONTROL_IDENTITY_H
#define PIKO_PROBE_CONTROL_IDENTITY_H

/* Before our thread is there: find the functions of libc that change who a process is or what it may do (identity.c). */
void identity_init(void);

#endif
