#include <inttypes.h>

#include "report/sections.h"
#include "report/text.h"
#include "report/units.h"

static void add_per_request(struct buffer *text, const char *label, int64_t total, const char *unit,
                            uint64_t requests) {
    buffer_printf(text, "%s%s/request\n", label, units_mean((double)total / (double)requests, unit).text);
}

void section_churn(struct buffer *text, const struct report_phase *allocs) {
    const struct profile *profile = allocs->profile;
    uint32_t space = profile_find_sample_type(profile, "alloc_space");
    uint32_t objects = profile_find_sample_type(profile, "alloc_objects");
    if (space == PROFILE_NONE || objects == PROFILE_NONE)
        return;
    int64_t total_space = profile_total(profile, space, /* absolute= */ false);
    int64_t total_objects = profile_total(profile, objects, /* absolute= */ false);
    text_title(text, "ALLOCATION CHURN (during load)");
    buffer_printf(text, "Total alloc_space:      %s\n", units_value(total_space, "bytes").text);
    buffer_printf(text, "Total alloc_objects:    %" PRId64 "\n", total_objects);
    buffer_printf(text, "Requests during load:   %" PRIu64 "\n", allocs->requests);
    if (allocs->requests == 0)
        return;
    buffer_add_string(text, "Per request:\n");
    add_per_request(text, "  alloc_space:          ", total_space, "bytes", allocs->requests);
    add_per_request(text, "  alloc_objects:        ", total_objects, "count", allocs->requests);
}
