/* A request and its response on a connection that is open: sent, read, counted, sent again or led elsewhere. All may close the
 * connection, and open it anew. */
#ifndef PIKO_LOAD_EXCHANGE_H
#define PIKO_LOAD_EXCHANGE_H

#include "load/connection.h"

/* Send the request; the clock of its latency starts with its first byte. */
void exchange_begin(struct traffic *traffic, struct connection *connection);
/* Send on: the state tells whether something is left. */
void exchange_push(struct traffic *traffic, struct connection *connection);
/* Read what is there of the response. */
void exchange_receive(struct traffic *traffic, struct connection *connection, uint32_t epoll_events);
/* Something came and nothing was asked for. */
void exchange_look_at_idle(struct traffic *traffic, struct connection *connection);

#endif
