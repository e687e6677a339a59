/* Where probes say hello: a socket in the abstract namespace, which workers find in any folder, chroot or user. */
#ifndef PIKO_SUPERVISE_REGISTRAR_H
#define PIKO_SUPERVISE_REGISTRAR_H

#include <stddef.h>
#include <stdint.h>

#include "segment/hello.h"
#include "segment/segment.h"

struct registrar {
    int fd; /* non-blocking; readable when somebody says hello */
    uint64_t token;
    char name[HELLO_NAME_BYTES];
};

/* 0 or a negative errno. */
int registrar_open(struct registrar *ret);
void registrar_close(struct registrar *registrar);

struct registration {
    uint32_t pid, parent;
    char name[HELLO_SHORT_BYTES], command[HELLO_COMMAND_BYTES];
    struct segment *segment; /* mapped; the caller's */
    size_t bytes;
};

/* Take one in. 0; -EAGAIN when nobody is there; -EBADMSG for whoever does not know the token or brings no memory that is
 * safe to map; other negative errnos. */
int registrar_accept(const struct registrar *registrar, struct registration *ret);

#endif
