/* Who is connected, and how long each may keep us waiting. libmicrohttpd ends connections on which nothing moves; these ends
 * are for those on which something does, a byte a second: a request is to be here within its time, and an answer taken.
 * When many wait, whoever has waited longest goes, so that the next one who asks is heard; and so among those who do not take
 * their answers. */
#ifndef PIKO_SERVE_CONNECTIONS_H
#define PIKO_SERVE_CONNECTIONS_H

#include <microhttpd.h>
#include <stddef.h>

#include "serve/jobs.h"

#define CONNECTIONS_WAITING_MAX 128u /* that have no whole request yet */
#define CONNECTIONS_SENDING_MAX 64u  /* whose answer is ready and not taken yet */
#define CONNECTIONS_LEAVING_MAX 64u  /* that were told to go and have not yet */
#define CONNECTIONS_MAX (JOBS_MAX + CONNECTIONS_WAITING_MAX + CONNECTIONS_SENDING_MAX + CONNECTIONS_LEAVING_MAX)
#define CONNECTIONS_TIMEOUT_S 30u
#define CONNECTIONS_BYTES_PER_S (64u << 10) /* an answer gets a second more for so many bytes */

struct connections;

/* NULL when memory ran out. It watches by jobs, which outlive it. */
struct connections *connections_new(struct jobs *jobs);
void connections_close(struct connections *connections); /* no more watching; before jobs_close() */
void connections_free(struct connections *connections);  /* takes NULL */

/* MHD_OPTION_NOTIFY_CONNECTION, whose data is `struct connections *`. */
void connections_notify(void *data, struct MHD_Connection *connection, void **context,
                        enum MHD_ConnectionNotificationCode code);

/* On the HTTP thread: a request is here and is worked on; its answer, of so many bytes, is sent (SIZE_MAX: while it is
 * made, without an end to its time); the next request is waited for. */
void connections_working(struct connections *connections, struct MHD_Connection *connection);
void connections_sending(struct connections *connections, struct MHD_Connection *connection, size_t bytes);
void connections_waiting(struct connections *connections, struct MHD_Connection *connection);

#endif
