/* Small profiles for tests, written as stacks: each frame is "name file:line", leaf first; "name" alone has no file,
 * "inner file:1 < outer file:2" is one location with inlined lines, innermost first, "" an address without symbols. */
#ifndef PIKO_TESTS_REPORT_BUILD_H
#define PIKO_TESTS_REPORT_BUILD_H

#include "profile/profile.h"

#define BUILD_FRAMES_MAX 16

/* One sample; `stack` ends with NULL, values are those of the profile's types. */
void build_sample(struct profile *profile, const int64_t *values, const char *const *stack);

#define SAMPLE(profile, values_in_braces, ...)                                                                         \
    build_sample(profile, (const int64_t[])values_in_braces, (const char *const[]){__VA_ARGS__, NULL})
#define VALUES(...)                                                                                                    \
    { __VA_ARGS__ }

/* A profile of one type and unit, with one mapping "/usr/bin/site". */
struct profile *build_profile(const char *type, const char *unit);

#endif
