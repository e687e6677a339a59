/* Figures of a load: what is done with them inside. */
#ifndef PIKO_LOAD_STATS_H
#define PIKO_LOAD_STATS_H

#include "load/load.h"

/* All figures to 0; the histograms stay. */
void stats_reset(struct load_stats *stats);
/* Both were made by load_stats_init(). */
void stats_copy(struct load_stats *to, const struct load_stats *from);

#endif
