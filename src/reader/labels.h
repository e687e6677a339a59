/* Labels that the program gave its threads. */
#ifndef PIKO_READER_LABELS_H
#define PIKO_READER_LABELS_H

#include "profile/profile.h"
#include "reader/validate.h"

/* The labels of a set; strings are the profile's. Returns how many, SEGMENT_LABELS_MAX at most; 0 when there is no such set. */
uint32_t labels_of(const struct view *view, uint32_t set, struct profile *profile, struct profile_label *ret);

/* The same as one text: "route=/users, tenant=7". */
#define LABELS_TEXT_BYTES 256u
size_t labels_text(const struct view *view, uint32_t set, char ret[LABELS_TEXT_BYTES]);

#endif
