/* A segment with something in every table, then changed at will: the input is a list of (offset, value) pairs of 4 and
 * 8 bytes. Whatever the writer does, the reader neither crashes nor loops, and what leaves it can be encoded. */
#include <stdlib.h>
#include <string.h>

#include "../unit/reader/fake.h"
#include "reader/reader.h"

#define PATCHES_MAX 64u

static void fill(struct fake *fake) {
    uint32_t stack = fake_stack(fake, 0, 3, (const uint64_t[]){0x2000, 0x3000, 0x12345678});
    uint32_t other = fake_stack(fake, SEGMENT_STACK_TRUNCATED, 1, (const uint64_t[]){0x2500});
    fake_module(fake, 0x1000, 0x9000, "/none/program");
    fake_module(fake, 0x8000, 0x20000, "/none/library.so")->gone_ns = 1;
    fake_heap(fake, stack, 524288, 10, 1000, 4, 400);
    fake_heap(fake, other, 1, 10, 1000, 4, 400);
    fake_block(fake, stack, 1 << 16, 1000);
    fake_mutex(fake, other, 1 << 16, 1000);
    fake_cpu(fake, stack, 101, 0, 10, 1000);
    struct segment_thread *thread = fake_thread(fake, 101, "worker", SEGMENT_THREAD_MUTEX);
    thread->dump_seq = UINT64_MAX;
    thread->dump_stack = thread->create_stack = stack;
    fake_thread(fake, 102, "other", SEGMENT_THREAD_IO);
    /* Every request is served already: nothing waits. */
    struct segment_mailbox *mailbox = &fake->segment->mailbox;
    mailbox->dump_done = mailbox->refresh_done = UINT64_MAX;
    mailbox->cpu_ready_epoch = 1;
}

/* Not the answers of the mailbox: waits are bounded, but too long for a fuzzer. */
static int is_answer(uint64_t offset) {
    uint64_t mailbox = offsetof(struct segment, mailbox);
    return offset + 8 > mailbox && offset < mailbox + sizeof(struct segment_mailbox);
}

static void patch(struct fake *fake, const uint8_t *data, size_t size) {
    for (unsigned i = 0; i < PATCHES_MAX && size >= 12; i++, data += 12, size -= 12) {
        uint32_t offset;
        memcpy(&offset, data, 4);
        offset %= (uint32_t)(fake->bytes - 8);
        if (!is_answer(offset))
            memcpy((char *)fake->segment + offset, data + 4, 8);
    }
}

static void encode(struct profile *profile) {
    struct buffer bytes = BUFFER_INIT(64u << 20);
    if (profile)
        profile_encode(profile, &bytes);
    buffer_done(&bytes);
    profile_free(profile);
}

static void read_everything(struct fake *fake, struct reader *reader, const uint8_t *data, size_t size) {
    struct reader_delta *deltas[READER_THREADCREATE + 1] = {0};
    struct reader_cpu *cpu = NULL;
    for (int kind = READER_HEAP; kind <= READER_THREADCREATE; kind++) {
        struct profile *profile = NULL;
        reader_profile(reader, (enum reader_kind)kind, &profile);
        encode(profile);
        reader_delta_begin(reader, (enum reader_kind)kind, &deltas[kind]);
    }
    reader_cpu_begin(reader, 0, &cpu);
    patch(fake, data + size / 2, size - size / 2); /* the writer goes on meanwhile */
    for (int kind = READER_HEAP; kind <= READER_THREADCREATE; kind++) {
        struct profile *profile = NULL;
        if (deltas[kind])
            reader_delta_end(deltas[kind], &profile);
        encode(profile);
    }
    struct profile *profile = NULL;
    if (cpu)
        reader_cpu_end(cpu, &profile);
    encode(profile);
    struct buffer dump = BUFFER_INIT(64u << 20);
    reader_dump(reader, &dump);
    reader_symbol(reader, 0x2000, &dump);
    buffer_done(&dump);
    struct reader_figures figures;
    reader_figures(reader, &figures);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct fake fake;
    struct reader *reader;
    fake_make(&fake);
    fill(&fake);
    patch(&fake, data, size);
    if (!reader_new(fake.segment, fake.bytes, &reader)) {
        read_everything(&fake, reader, data, size);
        reader_free(reader);
    }
    fake_free(&fake);
    return 0;
}
