/* The percentiles of latencies that every form of the report shows. */
#ifndef PIKO_REPORT_PERCENTILES_H
#define PIKO_REPORT_PERCENTILES_H

static const double percentiles[] = {50, 66, 75, 80, 90, 95, 98, 99, 99.9, 100};
#define N_PERCENTILES (sizeof(percentiles) / sizeof(percentiles[0]))

#endif
