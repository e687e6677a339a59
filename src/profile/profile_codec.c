/* Writes profile.proto. Reading is profile_decode.c.
 *
 * A protobuf message may be written as the concatenation of its parts, so the profile is packed and compressed one
 * element at a time: what this takes beside the result does not grow with the profile. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/grow.h"
#include "base/string_set.h"
#include "profile/gzip.h"
#include "profile/profile.h"
#include "profile/profile.pb-c.h"

#define FLUSH_BYTES ((size_t)64 << 10) /* packed bytes that are compressed at once */

struct encoder {
    struct string_set strings; /* those in use, in the order of the string table */
    struct gzip_writer *writer;
    struct buffer packed; /* waits to be compressed */
    struct arena scratch; /* arrays of the element at hand */
    int error;            /* first one, sticky */
};

static int fail(struct encoder *encoder, int error) {
    if (!encoder->error)
        encoder->error = error;
    return encoder->error;
}

static int64_t string_id(struct encoder *encoder, const char *string) {
    uint32_t index = string_set_add(&encoder->strings, string ? string : "", string ? strlen(string) : 0);
    if (index == HASH_NONE)
        fail(encoder, -ENOMEM);
    return index;
}

static void flush(struct encoder *encoder) {
    if (!encoder->error)
        fail(encoder, gzip_writer_add(encoder->writer, encoder->packed.data, encoder->packed.size));
    encoder->packed.size = 0;
}

static void add_part(struct encoder *encoder, const Piko__Pprof__Profile *part) {
    if (encoder->error)
        return;
    size_t size = piko__pprof__profile__get_packed_size(part);
    char *to = buffer_reserve(&encoder->packed, size);
    if (!to) {
        fail(encoder, encoder->packed.error);
        return;
    }
    encoder->packed.size += piko__pprof__profile__pack(part, (uint8_t *)to);
    if (encoder->packed.size >= FLUSH_BYTES)
        flush(encoder);
}

static Piko__Pprof__ValueType value_type(struct encoder *encoder, const struct profile_value_type *type) {
    Piko__Pprof__ValueType message = PIKO__PPROF__VALUE_TYPE__INIT;
    message.type = string_id(encoder, type->type);
    message.unit = string_id(encoder, type->unit);
    return message;
}

static void encode_sample_types(struct encoder *encoder, const struct profile *profile) {
    for (uint32_t i = 0; i < profile->n_sample_types; i++) {
        Piko__Pprof__ValueType type = value_type(encoder, &profile->sample_types[i]), *types = &type;
        Piko__Pprof__Profile part = PIKO__PPROF__PROFILE__INIT;
        part.n_sample_type = 1;
        part.sample_type = &types;
        add_part(encoder, &part);
    }
}

/* One block of scratch memory that each element uses anew, made larger when one needs more. */
static void *scratch(struct encoder *encoder, size_t size) {
    void *memory = arena_alloc(&encoder->scratch, size);
    if (!memory)
        fail(encoder, encoder->scratch.error);
    return memory;
}

static void encode_labels(struct encoder *encoder, const struct profile_sample *sample,
                          Piko__Pprof__Sample *ret_message) {
    Piko__Pprof__Label *labels = scratch(encoder, sample->n_labels * sizeof *labels);
    Piko__Pprof__Label **pointers = scratch(encoder, sample->n_labels * sizeof(Piko__Pprof__Label *));
    if (!labels || !pointers)
        return;
    for (uint32_t i = 0; i < sample->n_labels; i++) {
        const struct profile_label *label = &sample->labels[i];
        labels[i] = (Piko__Pprof__Label)PIKO__PPROF__LABEL__INIT;
        labels[i].key = string_id(encoder, label->key);
        if (label->string) {
            labels[i].str = string_id(encoder, label->string);
        } else {
            labels[i].num = label->number;
            labels[i].num_unit = string_id(encoder, label->unit);
        }
        pointers[i] = &labels[i];
    }
    ret_message->n_label = sample->n_labels;
    ret_message->label = pointers;
}

static void encode_sample(struct encoder *encoder, const struct profile *profile, const struct profile_sample *sample) {
    Piko__Pprof__Sample message = PIKO__PPROF__SAMPLE__INIT, *messages = &message;
    uint64_t *ids = scratch(encoder, sample->n_locations * sizeof *ids);
    if (!ids)
        return;
    for (uint32_t i = 0; i < sample->n_locations; i++)
        ids[i] = (uint64_t)sample->locations[i] + 1;
    message.n_location_id = sample->n_locations;
    message.location_id = ids;
    message.n_value = profile->n_sample_types;
    message.value = sample->values;
    if (sample->n_labels)
        encode_labels(encoder, sample, &message);
    Piko__Pprof__Profile part = PIKO__PPROF__PROFILE__INIT;
    part.n_sample = 1;
    part.sample = &messages;
    add_part(encoder, &part);
}

static void encode_mapping(struct encoder *encoder, const struct profile_mapping *mapping, uint64_t id) {
    Piko__Pprof__Mapping message = PIKO__PPROF__MAPPING__INIT, *messages = &message;
    message.id = id;
    message.memory_start = mapping->start;
    message.memory_limit = mapping->limit;
    message.file_offset = mapping->offset;
    message.filename = string_id(encoder, mapping->file);
    message.build_id = string_id(encoder, mapping->build_id);
    message.has_functions = mapping->has_functions;
    message.has_filenames = mapping->has_filenames;
    message.has_line_numbers = mapping->has_line_numbers;
    message.has_inline_frames = mapping->has_inline_frames;
    Piko__Pprof__Profile part = PIKO__PPROF__PROFILE__INIT;
    part.n_mapping = 1;
    part.mapping = &messages;
    add_part(encoder, &part);
}

static void encode_location(struct encoder *encoder, const struct profile_location *location, uint64_t id) {
    Piko__Pprof__Line *lines = scratch(encoder, location->n_lines * sizeof *lines);
    Piko__Pprof__Line **pointers = scratch(encoder, location->n_lines * sizeof(Piko__Pprof__Line *));
    if (!lines || !pointers)
        return;
    for (uint32_t i = 0; i < location->n_lines; i++) {
        lines[i] = (Piko__Pprof__Line)PIKO__PPROF__LINE__INIT;
        lines[i].function_id = (uint64_t)location->lines[i].function + 1;
        lines[i].line = location->lines[i].line;
        pointers[i] = &lines[i];
    }
    Piko__Pprof__Location message = PIKO__PPROF__LOCATION__INIT, *messages = &message;
    message.id = id;
    message.mapping_id = location->mapping == PROFILE_NONE ? 0 : (uint64_t)location->mapping + 1;
    message.address = location->address;
    message.n_line = location->n_lines;
    message.line = pointers;
    message.is_folded = location->is_folded;
    Piko__Pprof__Profile part = PIKO__PPROF__PROFILE__INIT;
    part.n_location = 1;
    part.location = &messages;
    add_part(encoder, &part);
}

static void encode_function(struct encoder *encoder, const struct profile_function *function, uint64_t id) {
    Piko__Pprof__Function message = PIKO__PPROF__FUNCTION__INIT, *messages = &message;
    message.id = id;
    message.name = string_id(encoder, function->name);
    message.system_name = string_id(encoder, function->system_name);
    message.filename = string_id(encoder, function->filename);
    message.start_line = function->start_line;
    Piko__Pprof__Profile part = PIKO__PPROF__PROFILE__INIT;
    part.n_function = 1;
    part.function = &messages;
    add_part(encoder, &part);
}

/* The single fields. They come in one part: a reader takes a second time_nanos for a second profile. */
static void encode_rest(struct encoder *encoder, const struct profile *profile) {
    int64_t *comments = scratch(encoder, profile->n_comments * sizeof *comments);
    if (!comments)
        return;
    for (uint32_t i = 0; i < profile->n_comments; i++)
        comments[i] = string_id(encoder, profile->comments[i]);
    Piko__Pprof__Profile part = PIKO__PPROF__PROFILE__INIT;
    part.drop_frames = string_id(encoder, profile->drop_frames);
    part.keep_frames = string_id(encoder, profile->keep_frames);
    part.time_nanos = profile->time_nanos;
    part.duration_nanos = profile->duration_nanos;
    Piko__Pprof__ValueType period_type = value_type(encoder, &profile->period_type);
    if (period_type.type || period_type.unit)
        part.period_type = &period_type;
    part.period = profile->period;
    part.n_comment = profile->n_comments;
    part.comment = comments;
    part.default_sample_type = string_id(encoder, profile->default_sample_type);
    part.doc_url = string_id(encoder, profile->doc_url);
    add_part(encoder, &part);
}

/* Last, when all are known; readers resolve strings at the end. */
static void encode_strings(struct encoder *encoder) {
    for (uint32_t i = 0; i < encoder->strings.n_entries; i++) {
        const struct string_entry *entry = &encoder->strings.entries[i];
        ProtobufCBinaryData data = {.len = entry->size, .data = (uint8_t *)(uintptr_t)entry->text};
        Piko__Pprof__Profile part = PIKO__PPROF__PROFILE__INIT;
        part.n_string_table = 1;
        part.string_table = &data;
        add_part(encoder, &part);
    }
}

static void encode_tables(struct encoder *encoder, const struct profile *profile) {
    for (size_t i = 0; i < profile->n_samples && !encoder->error; i++) {
        encode_sample(encoder, profile, &profile->samples[i]);
        arena_reset(&encoder->scratch);
    }
    for (uint32_t i = 0; i < profile->n_mappings; i++)
        encode_mapping(encoder, &profile->mappings[i], (uint64_t)i + 1);
    for (uint32_t i = 0; i < profile->n_locations && !encoder->error; i++) {
        encode_location(encoder, &profile->locations[i], (uint64_t)i + 1);
        arena_reset(&encoder->scratch);
    }
    for (uint32_t i = 0; i < profile->n_functions; i++)
        encode_function(encoder, &profile->functions[i], (uint64_t)i + 1);
}

int profile_encode(const struct profile *profile, struct buffer *ret) {
    if (profile->error)
        return profile->error;
    struct encoder encoder = {.writer = gzip_writer_new(ret)};
    if (!encoder.writer)
        return -ENOMEM;
    string_id(&encoder, ""); /* string_table[0] */
    encode_sample_types(&encoder, profile);
    encode_tables(&encoder, profile);
    encode_rest(&encoder, profile);
    encode_strings(&encoder);
    flush(&encoder);
    if (!encoder.error)
        fail(&encoder, gzip_writer_finish(encoder.writer));
    gzip_writer_free(encoder.writer);
    buffer_done(&encoder.packed);
    arena_done(&encoder.scratch);
    string_set_done(&encoder.strings);
    return encoder.error;
}
