#include <errno.h>
#include <stdio.h>

#include "base/clock.h"
#include "trace/go_encoder.h"

static const unsigned versions[] = {
    [TRACE_GO_1_22] = 22, [TRACE_GO_1_23] = 23, [TRACE_GO_1_25] = 25, [TRACE_GO_1_26] = 26};

void go_write_header(struct go_encoder *go, struct buffer *ret) {
    char header[17] = {0}; /* 16 bytes, filled up with NUL */
    snprintf(header, sizeof header, "go 1.%u trace", versions[go->options.format]);
    buffer_add(ret, header, 16);
}

/* Tables carry the generation's own start, as the trace would begin at the earliest time that any batch has. */
static char *room(struct go_encoder *go, struct batch *batch, size_t size, enum go_event kind) {
    char *to = batch_room(batch, size + 1, go->generation.number, BATCH_NO_THREAD, &go->batches);
    if (!to) {
        go->error = -ENOMEM;
        return NULL;
    }
    batch->tick = go->generation.tick;
    if (!batch->size) {
        *to++ = (char)kind;
        batch->size++;
    }
    return to;
}

static void close_table(struct go_encoder *go, struct batch *batch) {
    batch_close(batch, go->generation.number, BATCH_NO_THREAD, &go->batches);
}

void go_write_sample(struct go_encoder *go, const struct step *step) {
    char *to = room(go, &go->samples, 1 + 5 * VARINT_BYTES_MAX, GO_CPU_SAMPLES), *start = to;
    if (!to)
        return;
    const struct thread *thread = step->thread;
    *to++ = GO_CPU_SAMPLE;
    to = varint_put(to, step->tick);
    to = varint_put(to, thread->tid);
    to = varint_put(to, thread->row ? thread->row : GO_NO_PROC);
    to = varint_put(to, thread->id);
    to = varint_put(to, names_stack(&go->names, step->stack, step->thread));
    go->samples.size += (size_t)(to - start);
}

/* Which clock the ticks are of. Since 1.25 with the time of day, in a batch that says what it is. */
void go_write_sync(struct go_encoder *go) {
    bool has_clock = go->options.format >= TRACE_GO_1_25;
    char *to = room(go, &go->table, 8 * VARINT_BYTES_MAX, has_clock ? GO_SYNC : GO_FREQUENCY), *start = to;
    if (!to)
        return;
    if (has_clock)
        *to++ = GO_FREQUENCY;
    to = varint_put(to, GO_TICKS_A_SECOND);
    if (has_clock) {
        uint64_t wall_ns = go->options.realtime_ns + go->generation.tick;
        *to++ = GO_CLOCK_SNAPSHOT;
        to = varint_put(to, 0);
        to = varint_put(to, go->options.start_ns + go->generation.tick);
        to = varint_put(to, wall_ns / NS_PER_S);
        to = varint_put(to, wall_ns % NS_PER_S);
    }
    go->table.size += (size_t)(to - start);
    close_table(go, &go->table);
}

static void write_stack(struct go_encoder *go, uint32_t id, const struct name_stack *stack) {
    size_t most = 1 + (2 + 4 * (size_t)stack->n) * VARINT_BYTES_MAX;
    char *to = room(go, &go->table, most, GO_STACKS), *start = to;
    if (!to)
        return;
    *to++ = GO_STACK;
    to = varint_put(to, id);
    to = varint_put(to, stack->n);
    for (uint32_t i = 0; i < stack->n; i++) {
        const struct name_frame *frame = &go->names.frames[stack->first + i];
        to = varint_put(to, frame->pc);
        to = varint_put(to, frame->function);
        to = varint_put(to, frame->file);
        to = varint_put(to, frame->line);
    }
    go->table.size += (size_t)(to - start);
}

static void write_string(struct go_encoder *go, uint32_t id, const struct string_entry *entry) {
    char *to = room(go, &go->table, 1 + 2 * VARINT_BYTES_MAX + entry->size, GO_STRINGS), *start = to;
    if (!to)
        return;
    *to++ = GO_STRING;
    to = varint_put(to, id);
    to = varint_put(to, entry->size);
    memcpy(to, entry->text, entry->size);
    go->table.size += (size_t)(to - start) + entry->size;
}

int go_write_tables(struct go_encoder *go) {
    close_table(go, &go->samples);
    int error = names_resolve(&go->names, go->generation.threads);
    for (uint32_t i = 0; i < go->names.n_stacks && !error; i++)
        write_stack(go, i + 1, &go->names.stacks[i]);
    close_table(go, &go->table);
    for (uint32_t i = 0; i < go->names.strings.n_entries && !error; i++)
        write_string(go, i + 1, &go->names.strings.entries[i]);
    close_table(go, &go->table);
    return error ? error : go->names.error;
}
