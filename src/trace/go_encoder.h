/* Go's format: what go_encoder.c, which writes steps, and go_tables.c share. Private to the trace layer.
 * Format and rules: https://go.dev/design/60773-execution-tracer-overhaul and Go's src/internal/trace/order.go. */
#ifndef PIKO_TRACE_GO_ENCODER_H
#define PIKO_TRACE_GO_ENCODER_H

#include "trace/batches.h"
#include "trace/encoder.h"
#include "trace/go_format.h"
#include "trace/names.h"

struct go_encoder {
    struct encoder encoder;
    struct trace_options options;
    struct names names;
    struct generation generation;
    uint32_t reasons[TRACE_N_REASONS]; /* ids of their strings in this generation; 0 not there yet */
    bool told_procs;                   /* this generation has its GO_PROCS_CHANGE */
    struct batch samples, table;
    struct buffer batches; /* closed ones of this generation */
    int error;             /* first one, sticky */
};

/* The parts of a generation that stand in no thread's stream. */
void go_write_header(struct go_encoder *go, struct buffer *ret);
void go_write_sample(struct go_encoder *go, const struct step *step);
void go_write_sync(struct go_encoder *go);
/* Stacks, then strings: the last thing of a generation. 0 or a negative errno. */
int go_write_tables(struct go_encoder *go);

#endif
