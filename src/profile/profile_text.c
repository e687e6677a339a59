/* Go's debug=1 forms: a line of numbers and addresses for each stack, its frames as comments in columns.
 *
 * What differs from Go's on purpose: frames are never left out (Go hides its runtime at the top of a stack), functions
 * whose start is unknown have no offset, files that are unknown are ??:0, and of the runtime.MemStats only those lines
 * are there that mean something in a native program. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/grow.h"
#include "profile/index.h"
#include "profile/profile.h"

#define TAB_COLUMNS 8u
#define CYCLES_PER_SECOND 1000000000 /* our delays are nanoseconds */

struct row {
    const struct profile_sample *sample;
    int64_t numbers[4];
    int64_t order;        /* rows with less come first, */
    size_t key, key_size; /* then by this part of the writer's keys */
};

struct frame {
    size_t address, name, place, end; /* where its cells begin in the writer's cells */
    size_t name_columns;
    bool is_named; /* else there is the address alone */
};

struct writer {
    const struct profile *profile;
    struct buffer *ret;
    struct row *rows;
    struct buffer keys;
    struct frame *frames;
    uint32_t frames_space, n_frames;
    struct buffer cells;
};

/* ---- Stacks ---------------------------------------------------------------------------------------------------- */

/* Text of a cell: what would break lines and columns is replaced. */
static void add_clean(struct buffer *buffer, const char *text) {
    size_t start = buffer->size;
    buffer_add_string(buffer, text);
    for (size_t i = start; i < buffer->size && !buffer->error; i++)
        if ((unsigned char)buffer->data[i] < ' ' || buffer->data[i] == 0x7f)
            buffer->data[i] = '?';
}

static size_t columns(const char *text, size_t size) {
    size_t n = 0;
    for (size_t i = 0; i < size; i++)
        n += ((unsigned char)text[i] & 0xc0) != 0x80;
    return n;
}

static void add_frame(struct writer *writer, const struct profile_location *location, const struct profile_line *line) {
    struct buffer *cells = &writer->cells;
    if (grow_array(&writer->frames, &writer->frames_space, writer->n_frames, sizeof *writer->frames)) {
        cells->error = -ENOMEM;
        return;
    }
    const struct profile_function *function = line ? &writer->profile->functions[line->function] : NULL;
    struct frame frame = {.is_named = function && function->name[0], .address = cells->size};
    buffer_printf(cells, "0x%" PRIx64, location->address);
    frame.name = cells->size;
    if (frame.is_named) {
        add_clean(cells, function->name);
        if (location->function_start && location->function_start <= location->address)
            buffer_printf(cells, "+0x%" PRIx64, location->address - location->function_start);
    }
    frame.place = cells->size;
    if (frame.is_named) {
        add_clean(cells, function->filename[0] ? function->filename : "??");
        buffer_printf(cells, ":%" PRId64, line->line);
    }
    frame.end = cells->size;
    if (cells->error)
        return;
    frame.name_columns = columns(cells->data + frame.name, frame.place - frame.name);
    writer->frames[writer->n_frames++] = frame;
}

/* A cell, and tabs up to the column after the widest of its neighbours. */
static void write_cell(struct writer *writer, size_t from, size_t to, size_t width, size_t widest) {
    buffer_add(writer->ret, writer->cells.data + from, to - from);
    for (size_t tabs = (widest + TAB_COLUMNS) / TAB_COLUMNS - width / TAB_COLUMNS; tabs > 0; tabs--)
        buffer_add_string(writer->ret, "\t");
}

/* Named frames that follow each other share their columns. */
static uint32_t write_named(struct writer *writer, uint32_t first) {
    size_t widest_address = 0, widest_name = 0;
    uint32_t end = first;
    for (; end < writer->n_frames && writer->frames[end].is_named; end++) {
        const struct frame *frame = &writer->frames[end];
        if (frame->name - frame->address > widest_address)
            widest_address = frame->name - frame->address;
        if (frame->name_columns > widest_name)
            widest_name = frame->name_columns;
    }
    for (uint32_t i = first; i < end; i++) {
        const struct frame *frame = &writer->frames[i];
        buffer_add_string(writer->ret, "#\t");
        write_cell(writer, frame->address, frame->name, frame->name - frame->address, widest_address);
        write_cell(writer, frame->name, frame->place, frame->name_columns, widest_name);
        buffer_add(writer->ret, writer->cells.data + frame->place, frame->end - frame->place);
        buffer_add_string(writer->ret, "\n");
    }
    return end;
}

static void write_stack(struct writer *writer, const struct profile_sample *sample) {
    writer->cells.size = 0;
    writer->n_frames = 0;
    for (uint32_t i = 0; i < sample->n_locations; i++) {
        const struct profile_location *location = &writer->profile->locations[sample->locations[i]];
        if (!location->n_lines)
            add_frame(writer, location, NULL);
        for (uint32_t j = 0; j < location->n_lines; j++)
            add_frame(writer, location, &location->lines[j]);
    }
    for (uint32_t i = 0; i < writer->n_frames;) {
        if (writer->frames[i].is_named) {
            i = write_named(writer, i);
            continue;
        }
        const struct frame *frame = &writer->frames[i++];
        buffer_printf(writer->ret, "#\t%.*s\n", (int)(frame->end - frame->address),
                      writer->cells.data + frame->address);
    }
    buffer_add_string(writer->ret, "\n");
}

/* These lists hold return addresses: readers subtract one to get at the call. A frame that only says something
 * ("unknown") has no address. */
static void add_addresses(const struct profile *profile, const struct profile_sample *sample, struct buffer *ret) {
    buffer_add_string(ret, "@");
    for (uint32_t i = 0; i < sample->n_locations; i++) {
        uint64_t address = profile->locations[sample->locations[i]].address;
        buffer_printf(ret, " 0x%" PRIx64, address ? address + 1 : 0);
    }
}

/* ---- Rows ------------------------------------------------------------------------------------------------------ */

static int by_order(const void *a, const void *b) {
    const struct row *x = a, *y = b;
    if (x->order != y->order)
        return x->order < y->order ? -1 : 1;
    return (x->sample > y->sample) - (x->sample < y->sample);
}

static int by_order_and_key(const void *a, const void *b, void *keys) {
    const struct row *x = a, *y = b;
    if (x->order != y->order)
        return x->order < y->order ? -1 : 1;
    size_t size = x->key_size < y->key_size ? x->key_size : y->key_size;
    int difference = memcmp((const char *)keys + x->key, (const char *)keys + y->key, size);
    return difference ? difference : (x->key_size > y->key_size) - (x->key_size < y->key_size);
}

/* Objects and bytes in use, and allocated. */
static void write_numbers(struct writer *writer, const int64_t numbers[4]) {
    buffer_printf(writer->ret, "%" PRId64 ": %" PRId64 " [%" PRId64 ": %" PRId64 "] ", numbers[0], numbers[1],
                  numbers[2], numbers[3]);
}

/* ---- heap ------------------------------------------------------------------------------------------------------ */

struct heap_types {
    uint32_t inuse_objects, inuse_space, alloc_objects, alloc_space;
};

/* Size of the objects, from the label that says it, else on average; 0 = none. */
static double object_size(const struct profile_sample *sample, int64_t objects, int64_t bytes) {
    for (uint32_t i = 0; i < sample->n_labels; i++)
        if (!sample->labels[i].string && sample->labels[i].number > 0 && strcmp(sample->labels[i].key, "bytes") == 0)
            return (double)sample->labels[i].number;
    return objects > 0 && bytes > 0 ? (double)bytes / (double)objects : 0;
}

/* The text form has what was sampled, and its readers scale it up; our values are scaled up already. Objects of one
 * size were kept with the probability 1 - exp(-size/rate). */
static void sampled(int64_t objects, int64_t bytes, double size, int64_t rate, int64_t ret[2]) {
    ret[0] = objects;
    ret[1] = bytes;
    if (rate <= 1 || objects <= 0 || bytes <= 0 || size <= 0)
        return;
    double kept = -expm1(-size / (double)rate);
    int64_t n = llround((double)bytes / size * kept);
    ret[0] = n ? n : 1; /* it would not be there otherwise */
    ret[1] = llround((double)ret[0] * size);
}

static int find_heap_types(const struct profile *profile, struct heap_types *ret) {
    ret->inuse_objects = profile_find_sample_type(profile, "inuse_objects");
    ret->inuse_space = profile_find_sample_type(profile, "inuse_space");
    ret->alloc_objects = profile_find_sample_type(profile, "alloc_objects");
    ret->alloc_space = profile_find_sample_type(profile, "alloc_space");
    bool all = ret->inuse_objects != PROFILE_NONE && ret->inuse_space != PROFILE_NONE &&
               ret->alloc_objects != PROFILE_NONE && ret->alloc_space != PROFILE_NONE;
    return all ? 0 : -EINVAL;
}

/* The numbers are estimates of the whole, from the samples. */
static void write_heap_statistics(struct writer *writer, const struct heap_types *types) {
    const struct profile *profile = writer->profile;
    int64_t inuse_objects = profile_total(profile, types->inuse_objects, false);
    int64_t inuse_space = profile_total(profile, types->inuse_space, false);
    int64_t alloc_objects = profile_total(profile, types->alloc_objects, false);
    buffer_printf(writer->ret,
                  "\n# runtime.MemStats\n# Alloc = %" PRId64 "\n# TotalAlloc = %" PRId64 "\n# Mallocs = %" PRId64
                  "\n# Frees = %" PRId64 "\n# HeapAlloc = %" PRId64 "\n# HeapObjects = %" PRId64 "\n",
                  inuse_space, profile_total(profile, types->alloc_space, false), alloc_objects,
                  profile_add_values(alloc_objects, -inuse_objects), inuse_space, inuse_objects);
}

static void fill_heap_row(const struct profile *profile, const struct heap_types *types, struct row *row) {
    const int64_t *values = row->sample->values;
    int64_t objects = values[types->inuse_objects], bytes = values[types->inuse_space];
    sampled(objects, bytes, object_size(row->sample, objects, bytes), profile->period, &row->numbers[0]);
    objects = values[types->alloc_objects];
    bytes = values[types->alloc_space];
    sampled(objects, bytes, object_size(row->sample, objects, bytes), profile->period, &row->numbers[2]);
}

static int write_heap(struct writer *writer) {
    const struct profile *profile = writer->profile;
    struct heap_types types;
    int error = find_heap_types(profile, &types);
    if (error)
        return error;
    int64_t total[4] = {0};
    for (size_t i = 0; i < profile->n_samples; i++) {
        struct row *row = &writer->rows[i];
        fill_heap_row(profile, &types, row);
        row->order = row->numbers[1];
        for (int j = 0; j < 4; j++)
            total[j] = profile_add_values(total[j], row->numbers[j]);
    }
    qsort(writer->rows, profile->n_samples, sizeof *writer->rows, by_order);
    /* Readers take equal totals for a profile without allocations, and twice the rate is what they expect. */
    if (total[3] == total[1])
        total[3] = profile_add_values(total[3], 1);
    buffer_add_string(writer->ret, "heap profile: ");
    write_numbers(writer, total);
    buffer_printf(writer->ret, "@ heap/%" PRId64 "\n", profile_add_values(profile->period, profile->period));
    for (size_t i = 0; i < profile->n_samples; i++) {
        write_numbers(writer, writer->rows[i].numbers);
        add_addresses(profile, writer->rows[i].sample, writer->ret);
        buffer_add_string(writer->ret, "\n");
        write_stack(writer, writer->rows[i].sample);
    }
    write_heap_statistics(writer, &types);
    return 0;
}

/* ---- block, mutex ---------------------------------------------------------------------------------------------- */

/* Tools that read the mutex form multiply its numbers by the sampling period (pprof, legacy_profile.go,
 * parseContentionSample): ours are divided by it first. Go's are not, so that its text counts n times over. */
static int write_contention(struct writer *writer, bool is_mutex) {
    const struct profile *profile = writer->profile;
    uint32_t count = profile_find_sample_type(profile, "contentions");
    uint32_t delay = profile_find_sample_type(profile, "delay");
    if (count == PROFILE_NONE || delay == PROFILE_NONE)
        return -EINVAL;
    for (size_t i = 0; i < profile->n_samples; i++)
        writer->rows[i].order = ~profile->samples[i].values[delay]; /* the longest first */
    qsort(writer->rows, profile->n_samples, sizeof *writer->rows, by_order);
    buffer_printf(writer->ret, "--- %s:\ncycles/second=%d\n", is_mutex ? "mutex" : "contention", CYCLES_PER_SECOND);
    int64_t period = is_mutex && profile->period > 1 ? profile->period : 1;
    if (is_mutex)
        buffer_printf(writer->ret, "sampling period=%" PRId64 "\n", period);
    for (size_t i = 0; i < profile->n_samples; i++) {
        const struct profile_sample *sample = writer->rows[i].sample;
        buffer_printf(writer->ret, "%" PRId64 " %" PRId64 " ", sample->values[delay] / period,
                      sample->values[count] / period);
        add_addresses(profile, sample, writer->ret);
        buffer_add_string(writer->ret, "\n");
        write_stack(writer, sample);
    }
    return 0;
}

/* ---- goroutine, threadcreate ----------------------------------------------------------------------------------- */

static void add_quoted(struct buffer *ret, const char *text) {
    static const char escaped[] = "\a\b\f\n\r\t\v\"\\", letters[] = "abfnrtv\"\\";
    buffer_add_string(ret, "\"");
    for (; *text; text++) {
        const char *found = strchr(escaped, *text);
        if (found)
            buffer_printf(ret, "\\%c", letters[found - escaped]);
        else if ((unsigned char)*text < ' ' || *text == 0x7f)
            buffer_printf(ret, "\\x%02x", (unsigned char)*text);
        else
            buffer_add(ret, text, 1);
    }
    buffer_add_string(ret, "\"");
}

static void add_labels(struct buffer *ret, const struct profile_sample *sample) {
    for (uint32_t i = 0; i < sample->n_labels; i++) {
        const struct profile_label *label = &sample->labels[i];
        buffer_add_string(ret, i ? ", " : "\n# labels: {");
        add_quoted(ret, label->key);
        if (label->string) {
            buffer_add_string(ret, ":");
            add_quoted(ret, label->string);
        } else {
            buffer_printf(ret, ":\"%" PRId64 "%s\"", label->number, label->unit);
        }
    }
    if (sample->n_labels)
        buffer_add_string(ret, "}");
}

static int write_count(struct writer *writer, const char *name) {
    const struct profile *profile = writer->profile;
    if (!profile->n_sample_types)
        return -EINVAL;
    for (size_t i = 0; i < profile->n_samples; i++) {
        struct row *row = &writer->rows[i];
        row->order = ~row->sample->values[0]; /* the most first */
        row->key = writer->keys.size;
        add_addresses(profile, row->sample, &writer->keys);
        add_labels(&writer->keys, row->sample);
        row->key_size = writer->keys.size - row->key;
    }
    if (writer->keys.error)
        return writer->keys.error;
    qsort_r(writer->rows, profile->n_samples, sizeof *writer->rows, by_order_and_key, writer->keys.data);
    buffer_printf(writer->ret, "%s profile: total %" PRId64 "\n", name, profile_total(profile, 0, false));
    for (size_t i = 0; i < profile->n_samples; i++) {
        const struct row *row = &writer->rows[i];
        buffer_printf(writer->ret, "%" PRId64 " ", row->sample->values[0]);
        buffer_add(writer->ret, writer->keys.data + row->key, row->key_size);
        buffer_add_string(writer->ret, "\n");
        write_stack(writer, row->sample);
    }
    return 0;
}

int profile_write_text(const struct profile *profile, enum profile_text_kind kind, const char *name,
                       struct buffer *ret) {
    if (profile->error)
        return profile->error;
    struct writer writer = {.profile = profile, .ret = ret, .rows = calloc(profile->n_samples + 1, sizeof(struct row))};
    if (!writer.rows)
        return -ENOMEM;
    for (size_t i = 0; i < profile->n_samples; i++)
        writer.rows[i].sample = &profile->samples[i];
    int error;
    if (kind == PROFILE_TEXT_HEAP)
        error = write_heap(&writer);
    else if (kind == PROFILE_TEXT_COUNT)
        error = write_count(&writer, name);
    else
        error = write_contention(&writer, kind == PROFILE_TEXT_MUTEX);
    if (!error)
        error = writer.cells.error ? writer.cells.error : ret->error;
    free(writer.rows);
    free(writer.frames);
    buffer_done(&writer.keys);
    buffer_done(&writer.cells);
    return error;
}
