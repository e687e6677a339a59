/* The stacks of a profile, for the page's flame graph. */
#ifndef PIKO_REPORT_HTML_GRAPH_H
#define PIKO_REPORT_HTML_GRAPH_H

#include "report/diff_report.h"
#include "report/json_writer.h"
#include "report/report.h"

/* The member "graph" of the object that is open: names and places of functions; the tree of calls as parents[node] < node
 * and functions[node], node 0 being the whole; samples as a flat list of node, thread and one value a sample type.
 * 0, -ENOMEM or -EFBIG. */
int html_add_graph(struct json_writer *json, const struct report_phase *phase, const struct report_options *options);

/* The same of both sides of a comparison: its types are the values before and after. */
int html_add_diff_graph(struct json_writer *json, const struct diff *diff, const struct diff_report *report);

#endif
