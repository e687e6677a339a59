/* A reader of Go's trace format that knows no mercy: it replays the events as Go's own does (internal/trace/order.go),
 * and refuses besides what that only mostly gets along with: ticks that are not strictly ascending over all threads. */
#ifndef PIKO_TESTS_GO_CHECK_H
#define PIKO_TESTS_GO_CHECK_H

#include "base/buffer.h"

/* Read a file without its first `skip` generations. `ret`, if any, gets a line an event, in order:
 *     TICK mTHREAD NAME ARGUMENTS...    numbers as they are, strings in quotes, stacks as leaf<...<root
 * NULL when all is well, else what is wrong. */
const char *go_check(const void *file, size_t size, unsigned skip, struct buffer *ret);

/* Generations of a file that go_check() accepts. */
unsigned go_check_generations(const void *file, size_t size);

#endif
