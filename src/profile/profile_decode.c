/* Reads profile.proto. Every id, string number and count is checked against what is there before it is used; what is
 * wrong is said in one sentence. Whether the values make sense is profile_check()'s matter. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "profile/gzip.h"
#include "profile/ids.h"
#include "profile/index.h"
#include "profile/profile.h"
#include "profile/profile.pb-c.h"

/* Memory of the unpacked messages: an element takes up to 40 times its size on the wire. */
#define UNPACKED_BYTES_MAX ((size_t)2 << 30)

struct decoder {
    const Piko__Pprof__Profile *message;
    struct profile *profile;
    const char **strings; /* interned, by their number */
    struct id_map mappings, functions, locations;
    struct arena scratch; /* one element's arrays */
    char *why;
    size_t why_size;
};

static int refuse(struct decoder *decoder, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int refuse(struct decoder *decoder, const char *format, ...) {
    if (!decoder->why_size)
        return -EBADMSG;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(decoder->why, decoder->why_size, format, arguments);
    va_end(arguments);
    return -EBADMSG;
}

/* ---- Strings --------------------------------------------------------------------------------------------------- */

static int decode_strings(struct decoder *decoder) {
    const Piko__Pprof__Profile *message = decoder->message;
    if (message->n_string_table == 0)
        return refuse(decoder, "the string table is missing");
    if (message->string_table[0].len != 0)
        return refuse(decoder, "the first string of the string table is not empty");
    decoder->strings = reallocarray(NULL, message->n_string_table, sizeof *decoder->strings);
    if (!decoder->strings)
        return -ENOMEM;
    for (size_t i = 0; i < message->n_string_table; i++) {
        const ProtobufCBinaryData *string = &message->string_table[i];
        decoder->strings[i] = profile_intern_n(decoder->profile, (const char *)string->data, string->len);
    }
    return decoder->profile->error;
}

static int get_string(struct decoder *decoder, int64_t number, const char **ret) {
    if (number < 0 || (uint64_t)number >= decoder->message->n_string_table)
        return refuse(decoder, "string number %" PRId64 " is not in the string table of %zu", number,
                      decoder->message->n_string_table);
    *ret = decoder->strings[number];
    return 0;
}

static int get_value_type(struct decoder *decoder, const Piko__Pprof__ValueType *message,
                          struct profile_value_type *ret) {
    int error = get_string(decoder, message->type, &ret->type);
    return error ? error : get_string(decoder, message->unit, &ret->unit);
}

static int decode_sample_types(struct decoder *decoder) {
    const Piko__Pprof__Profile *message = decoder->message;
    if (message->n_sample_type > PROFILE_SAMPLE_TYPES_MAX)
        return refuse(decoder, "%zu sample types are more than %u", message->n_sample_type, PROFILE_SAMPLE_TYPES_MAX);
    if (message->n_sample_type == 0 && message->n_sample)
        return refuse(decoder, "there are samples but no sample types");
    for (size_t i = 0; i < message->n_sample_type; i++) {
        int error = get_value_type(decoder, message->sample_type[i], &decoder->profile->sample_types[i]);
        if (error)
            return error;
        decoder->profile->n_sample_types++;
    }
    return 0;
}

/* ---- Ids ------------------------------------------------------------------------------------------------------- */

static int add_id(struct decoder *decoder, struct id_map *map, const char *what, uint64_t id, uint32_t index) {
    if (id == 0)
        return refuse(decoder, "a %s has the reserved id 0", what);
    if (index == PROFILE_NONE)
        return decoder->profile->error;
    id_map_add(map, id, index);
    return 0;
}

static int seal(struct decoder *decoder, struct id_map *map, const char *what) {
    uint64_t twice;
    int error = id_map_seal(map, &twice);
    return error == -EEXIST ? refuse(decoder, "two %ss have the id %" PRIu64, what, twice) : error;
}

static int get_id(struct decoder *decoder, const struct id_map *map, const char *what, uint64_t id, uint32_t *ret) {
    *ret = id_map_find(map, id);
    return *ret == IDS_NONE ? refuse(decoder, "there is no %s with the id %" PRIu64, what, id) : 0;
}

/* ---- Tables ---------------------------------------------------------------------------------------------------- */

static int decode_mapping(struct decoder *decoder, const Piko__Pprof__Mapping *message) {
    struct profile_mapping mapping = {
        .start = message->memory_start,
        .limit = message->memory_limit,
        .offset = message->file_offset,
        .has_functions = message->has_functions,
        .has_filenames = message->has_filenames,
        .has_line_numbers = message->has_line_numbers,
        .has_inline_frames = message->has_inline_frames,
    };
    int error = get_string(decoder, message->filename, &mapping.file);
    if (!error)
        error = get_string(decoder, message->build_id, &mapping.build_id);
    if (error)
        return error;
    return add_id(decoder, &decoder->mappings, "mapping", message->id,
                  profile_place_mapping(decoder->profile, &mapping));
}

static int decode_function(struct decoder *decoder, const Piko__Pprof__Function *message) {
    struct profile_function function = {.start_line = message->start_line};
    int error = get_string(decoder, message->name, &function.name);
    if (!error)
        error = get_string(decoder, message->system_name, &function.system_name);
    if (!error)
        error = get_string(decoder, message->filename, &function.filename);
    if (error)
        return error;
    return add_id(decoder, &decoder->functions, "function", message->id,
                  profile_place_function(decoder->profile, &function));
}

static int decode_location(struct decoder *decoder, const Piko__Pprof__Location *message) {
    struct profile_location location = {
        .mapping = PROFILE_NONE,
        .address = message->address,
        .n_lines = (uint32_t)message->n_line,
        .lines = arena_alloc(&decoder->scratch, message->n_line * sizeof *location.lines),
        .is_folded = message->is_folded,
    };
    if (!location.lines)
        return -ENOMEM;
    int error = message->mapping_id
                    ? get_id(decoder, &decoder->mappings, "mapping", message->mapping_id, &location.mapping)
                    : 0;
    for (size_t i = 0; i < message->n_line && !error; i++) {
        location.lines[i] = (struct profile_line){.line = message->line[i]->line};
        error = get_id(decoder, &decoder->functions, "function", message->line[i]->function_id,
                       &location.lines[i].function);
    }
    if (error)
        return error;
    return add_id(decoder, &decoder->locations, "location", message->id,
                  profile_place_location(decoder->profile, &location));
}

static int decode_mappings(struct decoder *decoder) {
    const Piko__Pprof__Profile *message = decoder->message;
    int error = id_map_open(&decoder->mappings, message->n_mapping);
    for (size_t i = 0; i < message->n_mapping && !error; i++)
        error = decode_mapping(decoder, message->mapping[i]);
    return error ? error : seal(decoder, &decoder->mappings, "mapping");
}

static int decode_functions(struct decoder *decoder) {
    const Piko__Pprof__Profile *message = decoder->message;
    int error = id_map_open(&decoder->functions, message->n_function);
    for (size_t i = 0; i < message->n_function && !error; i++)
        error = decode_function(decoder, message->function[i]);
    return error ? error : seal(decoder, &decoder->functions, "function");
}

static int decode_locations(struct decoder *decoder) {
    const Piko__Pprof__Profile *message = decoder->message;
    int error = id_map_open(&decoder->locations, message->n_location);
    for (size_t i = 0; i < message->n_location && !error; i++) {
        error = decode_location(decoder, message->location[i]);
        arena_reset(&decoder->scratch);
    }
    return error ? error : seal(decoder, &decoder->locations, "location");
}

/* ---- Samples --------------------------------------------------------------------------------------------------- */

static int decode_labels(struct decoder *decoder, const Piko__Pprof__Sample *message, struct profile_sample *ret) {
    for (size_t i = 0; i < message->n_label; i++) {
        const Piko__Pprof__Label *wire = message->label[i];
        /* Neither a string nor a number: what pprof leaves out too. */
        if (!wire->str && !wire->num && !wire->num_unit)
            continue;
        if (ret->n_labels == PROFILE_LABELS_MAX)
            return refuse(decoder, "a sample has more than %u labels", PROFILE_LABELS_MAX);
        struct profile_label *label = &ret->labels[ret->n_labels++];
        *label = (struct profile_label){.number = wire->str ? 0 : wire->num};
        int error = get_string(decoder, wire->key, &label->key);
        if (!error && wire->str)
            error = get_string(decoder, wire->str, &label->string);
        if (!error)
            error = get_string(decoder, wire->str ? 0 : wire->num_unit, &label->unit);
        if (error)
            return error;
    }
    return 0;
}

static int decode_sample(struct decoder *decoder, const Piko__Pprof__Sample *message) {
    struct profile_label labels[PROFILE_LABELS_MAX];
    struct profile_sample sample = {
        .n_locations = (uint32_t)message->n_location_id,
        .locations = arena_alloc(&decoder->scratch, message->n_location_id * sizeof *sample.locations),
        .values = message->value,
        .labels = labels,
    };
    if (!sample.locations)
        return -ENOMEM;
    if (message->n_value != decoder->profile->n_sample_types)
        return refuse(decoder, "a sample has %zu values where there are %" PRIu32 " sample types", message->n_value,
                      decoder->profile->n_sample_types);
    for (size_t i = 0; i < message->n_location_id; i++) {
        int error = get_id(decoder, &decoder->locations, "location", message->location_id[i], &sample.locations[i]);
        if (error)
            return error;
    }
    int error = decode_labels(decoder, message, &sample);
    return error ? error : profile_place_sample(decoder->profile, &sample);
}

static int decode_samples(struct decoder *decoder) {
    int error = 0;
    for (size_t i = 0; i < decoder->message->n_sample && !error; i++) {
        error = decode_sample(decoder, decoder->message->sample[i]);
        arena_reset(&decoder->scratch);
    }
    return error;
}

/* ---- The whole ------------------------------------------------------------------------------------------------- */

static int decode_comments(struct decoder *decoder) {
    for (size_t i = 0; i < decoder->message->n_comment; i++) {
        const char *comment = "";
        int error = get_string(decoder, decoder->message->comment[i], &comment);
        if (!error)
            error = profile_add_comment(decoder->profile, "%s", comment);
        if (error)
            return error;
    }
    return 0;
}

static int decode_rest(struct decoder *decoder) {
    const Piko__Pprof__Profile *message = decoder->message;
    struct profile *profile = decoder->profile;
    profile->time_nanos = message->time_nanos;
    profile->duration_nanos = message->duration_nanos;
    profile->period = message->period;
    int error = get_string(decoder, message->drop_frames, &profile->drop_frames);
    if (!error)
        error = get_string(decoder, message->keep_frames, &profile->keep_frames);
    if (!error)
        error = get_string(decoder, message->default_sample_type, &profile->default_sample_type);
    if (!error)
        error = get_string(decoder, message->doc_url, &profile->doc_url);
    if (!error && message->period_type)
        error = get_value_type(decoder, message->period_type, &profile->period_type);
    return error ? error : decode_comments(decoder);
}

static int decode_message(struct decoder *decoder) {
    static int (*const steps[])(struct decoder *) = {decode_strings,  decode_sample_types, decode_rest,
                                                     decode_mappings, decode_functions,    decode_locations,
                                                     decode_samples};
    int error = 0;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0] && !error; i++)
        error = steps[i](decoder);
    return error;
}

static void *unpacker_alloc(void *arena, size_t size) {
    return arena_alloc(arena, size);
}

static void unpacker_free(void *arena, void *pointer) {
    (void)arena; /* freed as a whole */
    (void)pointer;
}

static int unpack_and_decode(struct decoder *decoder, const void *data, size_t size) {
    struct arena unpacked = {.most = UNPACKED_BYTES_MAX};
    ProtobufCAllocator allocator = {.alloc = unpacker_alloc, .free = unpacker_free, .allocator_data = &unpacked};
    decoder->message = piko__pprof__profile__unpack(&allocator, size, data);
    int error;
    if (decoder->message)
        error = decode_message(decoder);
    else if (unpacked.error)
        error = unpacked.error;
    else
        error = refuse(decoder, "this is no pprof profile: the protobuf is malformed");
    arena_done(&unpacked);
    return error;
}

static int decode_plain(struct decoder *decoder, const void *data, size_t size) {
    if (size == 0)
        return refuse(decoder, "the profile is empty");
    if (size > PROFILE_DECODE_BYTES_MAX)
        return -EFBIG;
    decoder->profile = profile_new();
    if (!decoder->profile)
        return -ENOMEM;
    int error = unpack_and_decode(decoder, data, size);
    free(decoder->strings);
    id_map_done(&decoder->mappings);
    id_map_done(&decoder->functions);
    id_map_done(&decoder->locations);
    arena_done(&decoder->scratch);
    return error;
}

static int decode(struct decoder *decoder, const void *data, size_t size) {
    if (!gzip_is(data, size))
        return decode_plain(decoder, data, size);
    _cleanup_buffer_ struct buffer plain = BUFFER_INIT(PROFILE_DECODE_BYTES_MAX);
    int error = gzip_unpack(data, size, &plain);
    if (error == -EBADMSG)
        return refuse(decoder, "the gzip data is damaged or cut off");
    return error ? error : decode_plain(decoder, plain.data, plain.size);
}

int profile_decode(const void *data, size_t size, struct profile **ret, char *why, size_t why_size) {
    struct decoder decoder = {.why = why, .why_size = why ? why_size : 0};
    int error = decode(&decoder, data, size);
    if (error == -EFBIG)
        refuse(&decoder, "the profile is larger than %u MB unpacked", PROFILE_DECODE_BYTES_MAX >> 20);
    if (error == -ENOMEM)
        refuse(&decoder, "out of memory");
    if (error) {
        profile_free(decoder.profile);
        return error;
    }
    *ret = decoder.profile;
    return 0;
}
