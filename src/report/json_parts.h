/* Parts of the JSON report that the page takes too. */
#ifndef PIKO_REPORT_JSON_PARTS_H
#define PIKO_REPORT_JSON_PARTS_H

#include "report/json_writer.h"
#include "report/report.h"

/* Members of the object that is open: address, warnings, load figures. */
void json_add_run(struct json_writer *json, const struct report_run *run);

/* Elements of the array that is open, one for each of the phase's tables. 0, -ENOMEM or -EFBIG. */
int json_add_tables(struct json_writer *json, const struct report_phase *phase, const struct report_options *options);

/* The member "locks": both ends of each lock, as far as mutex and block profiles tell them apart. 0, -ENOMEM or -EFBIG. */
int json_add_locks(struct json_writer *json, const struct report_run *run, const struct report_options *options);

#endif
