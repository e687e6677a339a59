/* The rows of a trace, which Go's format knows as its processors: cores, or one a thread. Private to the trace layer.
 *
 * Numbers are kept dense, as viewers show all up to the highest; they start at 1, as one of them loses arrows at 0. */
#ifndef PIKO_TRACE_ROWS_H
#define PIKO_TRACE_ROWS_H

#include "trace/thread.h"

struct row {
    struct thread *holder; /* who runs on it; NULL nobody */
    bool is_taken;         /* given out by rows_take() */
    uint32_t announced;    /* the encoder's: generation whose tables know it */
    uint64_t sequence;     /* the same */
};

struct rows {
    struct row *rows; /* [number]; 0 is none */
    uint32_t n, space;
    uint32_t first;  /* lowest that rows_take() may give */
    uint32_t lowest; /* none below it is free */
};

/* `reserved`: rows 1 to that are not given out. 0 or -ENOMEM. */
int rows_init(struct rows *rows, uint32_t reserved);
void rows_done(struct rows *rows);

/* The lowest free row; 0 when memory ran out. */
uint32_t rows_take(struct rows *rows);
void rows_give_back(struct rows *rows, uint32_t row);

#endif
