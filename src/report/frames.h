/* The frames of a profile, put into groups: which frames are one line of a table, and which lines are one function.
 *
 * As in pprof, functions of the same name are one, whatever file or address they have; lines are one when name, cleaned
 * file and number agree. A frame without a function's name is known by the file of its mapping. */
#ifndef PIKO_REPORT_FRAMES_H
#define PIKO_REPORT_FRAMES_H

#include <stddef.h>
#include <stdint.h>

#include "profile/profile.h"

struct frame_line {
    const char *name;  /* of its function; "[object]" or "<unknown>" where that has none */
    const char *file;  /* "" unknown */
    int64_t line;      /* 0 unknown */
    uint32_t function; /* index of the function it belongs to; ascending, so a function's lines stand together */
    uint32_t in_file;  /* index of (function, file), likewise: tells functions of one name in several files apart */
};

struct frames {
    size_t *first;     /* per location: where its frames start in `lines_of`; n_locations + 1 of them */
    uint32_t *line_of; /* per frame, innermost first: index into lines; a location without lines has one frame */
    struct frame_line *lines;
    uint32_t n_lines;
    uint32_t n_functions;
    uint32_t n_in_files;
    char *strings; /* names made up and paths cleaned here; those of others belong to the profile */
};

/* 0 or -ENOMEM. Freed by frames_done(). */
int frames_make(const struct profile *profile, struct frames *ret);
void frames_done(struct frames *frames);

#endif
