/* A profile in memory: the model of pprof's profile.proto, with indexes for ids and pointers for strings.
 * https://github.com/google/pprof/blob/main/proto/profile.proto
 *
 * One struct profile owns everything inside it; strings are interned in it and live as long as it does. What is added
 * twice is found again: mappings, functions and locations by content, samples by (locations, labels), whose values then
 * add up. Knows no server and no segment.
 *
 * Errors: functions that return an index return PROFILE_NONE when memory ran out, and the profile remembers it
 * (profile->error), so builders may check once at the end. Threads: one at a time per profile. */
#ifndef PIKO_PROFILE_PROFILE_H
#define PIKO_PROFILE_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

#define PROFILE_NONE UINT32_MAX      /* no mapping, no function, or out of memory */
#define PROFILE_SAMPLE_TYPES_MAX 16u /* more are refused by the decoder */
#define PROFILE_LABELS_MAX 64u       /* labels of one sample */

struct profile_value_type {
    const char *type; /* "cpu" */
    const char *unit; /* "nanoseconds" */
};

struct profile_mapping {
    uint64_t start, limit; /* addresses, limit exclusive */
    uint64_t offset;       /* file offset of start */
    const char *file;
    const char *build_id; /* lower-case hex of the GNU note, or "" */
    bool has_functions, has_filenames, has_line_numbers, has_inline_frames;
};

struct profile_function {
    const char *name;        /* demangled */
    const char *system_name; /* as in the symbol table */
    const char *filename;    /* "" unknown */
    int64_t start_line;      /* 0 unknown */
};

struct profile_line {
    uint32_t function; /* index */
    int64_t line;      /* 0 unknown */
};

struct profile_location {
    uint32_t mapping;        /* index or PROFILE_NONE */
    uint64_t address;        /* of the call, not of the return: one below the return address, as pprof wants it */
    uint64_t function_start; /* of the function that holds the address; 0 unknown. For the text forms alone: it is not
                              * on the wire, and no part of what makes two locations the same. */
    uint32_t n_lines;        /* 0 = not symbolized; several: inlined, innermost first, the last is the caller */
    struct profile_line *lines;
    bool is_folded;
};

struct profile_label {
    const char *key;
    const char *string; /* NULL for a number */
    int64_t number;
    const char *unit; /* of the number; "" none */
};

struct profile_sample {
    uint32_t n_locations;
    uint32_t *locations; /* indexes, leaf first */
    int64_t *values;     /* n_sample_types of them */
    uint32_t n_labels;
    struct profile_label *labels;
};

struct profile {
    struct profile_value_type sample_types[PROFILE_SAMPLE_TYPES_MAX];
    uint32_t n_sample_types;
    struct profile_sample *samples;
    size_t n_samples;
    struct profile_mapping *mappings; /* [0] is the main binary */
    uint32_t n_mappings;
    struct profile_location *locations;
    uint32_t n_locations;
    struct profile_function *functions;
    uint32_t n_functions;
    const char **comments;
    uint32_t n_comments;
    int64_t time_nanos;                    /* since 1970; 0 unknown */
    int64_t duration_nanos;                /* 0 unknown */
    struct profile_value_type period_type; /* NULL members = none */
    int64_t period;
    const char *default_sample_type;       /* "" = the last one */
    const char *drop_frames, *keep_frames; /* fully anchored regexes; "" none */
    const char *doc_url;
    int error;                   /* sticky -ENOMEM of the builders */
    struct profile_index *index; /* private: interning and de-duplication */
};

/* An empty profile, or NULL when memory ran out. Freed by profile_free(), which takes NULL. */
struct profile *profile_new(void);
void profile_free(struct profile *profile);

/* Intern a string (copied); "" and a static fallback on error, never NULL. profile_intern_n takes bytes without NUL.
 * Invalid UTF-8 is replaced (U+FFFD), so that everything that leaves us is valid. */
const char *profile_intern(struct profile *profile, const char *string);
const char *profile_intern_n(struct profile *profile, const char *bytes, size_t size);

/* Builders; strings are interned by them, arrays are copied. Each returns the index of the thing. */
uint32_t profile_add_sample_type(struct profile *profile, const char *type, const char *unit);
uint32_t profile_add_mapping(struct profile *profile, const struct profile_mapping *mapping);
uint32_t profile_add_function(struct profile *profile, const struct profile_function *function);
uint32_t profile_add_location(struct profile *profile, const struct profile_location *location);
/* Adds `values` to the sample with the same locations and labels, or makes it. 0 or -ENOMEM. */
int profile_add_sample(struct profile *profile, const struct profile_sample *sample);
int profile_add_comment(struct profile *profile, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Index of the sample type that tools show first: default_sample_type, else the last (as pprof does). */
uint32_t profile_default_sample_type(const struct profile *profile);
/* Index of the sample type of that name, or PROFILE_NONE. */
uint32_t profile_find_sample_type(const struct profile *profile, const char *type);
/* Sum of one sample type over all samples (of absolute values, as pprof's percentages use, when `absolute`). */
int64_t profile_total(const struct profile *profile, uint32_t sample_type, bool absolute);

/* ---- profile_codec.c: profile.proto, gzip -------------------------------------------------------------------------- */

/* Limits of the decoder: what is larger is refused with -EFBIG before memory is spent on it. */
#define PROFILE_DECODE_BYTES_MAX (512u << 20) /* unzipped */

/* Append the profile to `ret` as gzipped protobuf (as Go writes it). 0, -ENOMEM or -EFBIG. */
int profile_encode(const struct profile *profile, struct buffer *ret);

/* Decode gzipped or plain protobuf. `why` (may be NULL, `why_size` bytes) gets one sentence on failure.
 * 0, -ENOMEM, -EFBIG, or -EBADMSG for anything that is no valid profile (dangling ids included). */
int profile_decode(const void *data, size_t size, struct profile **ret, char *why, size_t why_size);

/* What a valid profile is (docs: facts of pprof's CheckValid and beyond): no dangling id, no negative value unless
 * `is_diff`, time set, no empty function name, valid UTF-8, limits above starts, addresses inside their mappings, values
 * and labels well-formed. 0, or -EBADMSG with one sentence in `why`. */
int profile_check(const struct profile *profile, bool is_diff, char *why, size_t why_size);

/* ---- profile_merge.c -------------------------------------------------------------------------------------------------*/

/* Sum of profiles with the same sample types and period type; `scales` (NULL = all 1) multiplies each one's values:
 * a delta is merge({after, before}, {1, -1}). Samples whose values are all 0 are dropped. time_nanos is the latest,
 * duration_nanos the sum (as pprof), comments are joined without repeats. The sources stay untouched.
 * 0, -ENOMEM, or -EINVAL when they do not fit together. */
int profile_merge(const struct profile *const *profiles, const double *scales, size_t n, struct profile **ret);

/* Two profiles side by side, to be compared: of each of n_types picked sample types (PROFILE_NONE = a column of zeros) the
 * result has one with the values of `before` and, behind it, one with those of `after`; what is the same thing in both is
 * one thing in it. The sources stay untouched. 0, -ENOMEM, or -EINVAL with more than half of PROFILE_SAMPLE_TYPES_MAX. */
int profile_pair(const struct profile *before, const uint32_t *before_types, const struct profile *after,
                 const uint32_t *after_types, uint32_t n_types, struct profile **ret);

/* `after` minus `before`, never below zero (counters only grow; a negative value is a torn snapshot), with
 * duration_nanos set to the distance of their times and the comments of `after` alone: what `?seconds=N` and the allocs phase answer. */
int profile_delta(const struct profile *before, const struct profile *after, struct profile **ret);

/* ---- profile_text.c: Go's debug=1 forms (runtime/pprof, pprof.go) ------------------------------------------------------*/
enum profile_text_kind { PROFILE_TEXT_HEAP, PROFILE_TEXT_BLOCK, PROFILE_TEXT_MUTEX, PROFILE_TEXT_COUNT };

/* `name` is the profile's name for PROFILE_TEXT_COUNT ("goroutine", "threadcreate"): "goroutine profile: total 8".
 * 0 or the buffer's error. */
int profile_write_text(const struct profile *profile, enum profile_text_kind kind, const char *name,
                       struct buffer *ret);

#endif
