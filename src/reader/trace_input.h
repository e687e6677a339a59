/* One process's side of a trace: from the records in its segment to the events of trace/trace.h. */
#ifndef PIKO_READER_TRACE_INPUT_H
#define PIKO_READER_TRACE_INPUT_H

#include "base/string_set.h"
#include "reader/reader.h"
#include "reader/trace_clock.h"
#include "segment/segment.h"
#include "trace/trace.h"

#define TRACE_INPUT_EVENTS 1024u

/* Several processes in one trace: what is equal in two of them by number alone carries the process's index. */
#define TRACE_STACK_SHIFT 32   /* of a stack key */
#define TRACE_ADDRESS_SHIFT 48 /* of an object's or a function's address, which have 47 bits */
#define TRACE_PROCESSES_MAX (1u << 16)
#define TRACE_TEXTS_MAX (1u << 18) /* of names and messages in one trace; as many as a window of 16 MiB can hold */

struct trace_input {
    const struct reader *reader;
    uint32_t process;            /* its index among the trace's */
    struct string_set *texts;    /* of the whole trace */
    struct trace_writer *writer; /* of the whole trace */
    const char *thread_suffix;   /* behind the names of its threads; "" none */

    struct trace_clock clock;
    uint64_t since_ticks; /* older records are of an earlier recording */
    struct trace_input_chunk {
        uint64_t lease;
        uint32_t slots;                        /* told already */
        bool waits;                            /* the next slot was claimed and not yet written when we last came by */
        uint64_t first_ns, last_ns, newest_ns; /* of its records, by the survey: begins, ends */
    } * chunks;
    struct trace_input_thread {
        uint32_t tid, name; /* told already */
        uint64_t wait;      /* ticks of the wait whose beginning was told */
        uint32_t labels_tid,
            labels;         /* by the survey, of the thread whose labels change: those before the first change */
        uint64_t labels_ns; /* when that was */
    } * threads;

    struct trace_event events[TRACE_INPUT_EVENTS]; /* on their way to the writer */
    size_t n_events;
    int error; /* of the writer, sticky */
};

/* Everything but the first five fields is set up. The target records. 0 or -ENOMEM; trace_input_done() frees the content,
 * also after a failure. */
int trace_input_init(struct trace_input *input);
void trace_input_done(struct trace_input *input);

/* Tell of the threads that there are at `start_ns`, and what each does. dump: sequence number of one that was just taken,
 * for those that have waited since before the recording; 0 none. */
void trace_input_introduce(struct trace_input *input, uint64_t start_ns, uint64_t dump);

/* Pass over what was recorded so far. */
void trace_input_skip(struct trace_input *input);
/* Tell what was recorded since the last call, and what each thread waits for now. 0 or -ENOMEM. */
int trace_input_read(struct trace_input *input);

/* The other way to read: all that is there, in slices of time. Look at what there is, once; then tell slice by slice,
 * without holes. What is written over in between is lost. */
void trace_input_survey(struct trace_input *input);
void trace_input_tell(struct trace_input *input, uint64_t from_ns, uint64_t until_ns);
/* Of the newest record, by the survey; 0 none. */
uint64_t trace_input_newest_ns(const struct trace_input *input);
/* From where on everything is there that was recorded. */
uint64_t trace_input_horizon_ns(const struct trace_input *input);
/* Hand over what is still on its way. 0 or -ENOMEM. */
int trace_input_flush(struct trace_input *input);

#endif
