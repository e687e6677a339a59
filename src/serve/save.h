/* What a request may ask of the server's owner. */
#ifndef PIKO_SERVE_SAVE_H
#define PIKO_SERVE_SAVE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"

struct serve;

bool serve_can_save(const struct serve *serve);
/* See serve_options.save. */
int serve_save(struct serve *serve, uint32_t pid, struct buffer *ret);

#endif
