/* Load figures as a person reads them at a glance: short, where the report's and the files' are exact. */
#ifndef PIKO_LOAD_FIGURES_H
#define PIKO_LOAD_FIGURES_H

#include <stdint.h>

struct figure {
    char text[32];
};

struct figure figure_count(uint64_t count); /* 1,236,240 */
struct figure figure_latency(uint64_t ns);  /* three digits: 0.85us, 2.13ms, 38.2ms, 1.20s */

#endif
