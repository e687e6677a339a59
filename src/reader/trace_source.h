/* Names for the keys of a trace: functions and lines of stacks, of several processes. */
#ifndef PIKO_READER_TRACE_SOURCE_H
#define PIKO_READER_TRACE_SOURCE_H

#include "base/string_set.h"
#include "reader/places.h"
#include "reader/reader.h"
#include "trace/trace.h"

struct trace_source_process {
    const struct reader *reader;
    struct places places; /* of the generation that is being written */
    bool has_places;
};

struct trace_names {
    struct trace_source_process *processes; /* by index, see trace_input.h */
    uint32_t n_processes, space;
    struct string_set texts;
    char name[PLACES_NAME_BYTES]; /* of the address that was asked for last, which no symbol covers */
};

/* Index of the process, for the keys of its events; TRACE_PROCESSES_MAX at most. The reader stays the caller's.
 * 0 or -ENOMEM. */
int trace_names_add(struct trace_names *names, const struct reader *reader, uint32_t *ret);
void trace_names_done(struct trace_names *names);

struct trace_source trace_names_source(struct trace_names *names);

#endif
