/* Who calls whom, as text. */
#ifndef PIKO_REPORT_TREE_TEXT_H
#define PIKO_REPORT_TREE_TEXT_H

#include "report/report.h"

/* Append the tree of calls, heaviest first, each function beneath its caller. Without a limit (options->top = 0) every
 * node is there, else those that make up at least TREE_SHARE_LEAST of the whole. 0, -ENOMEM or -EFBIG. */
#define TREE_SHARE_LEAST 0.005 /* as pprof's -nodefraction */
int tree_text_add(struct buffer *text, const struct profile *profile, uint32_t sample_type,
                  const struct report_options *options);

/* Append each function that `peek` matches, between its callers and what it calls: the figures of
 * `go tool pprof -peek`. 0, -ENOMEM or -EFBIG; -ENOENT when nothing matches. */
int peek_text_add(struct buffer *text, const struct profile *profile, uint32_t sample_type, const struct focus *peek,
                  const struct report_options *options);

#endif
