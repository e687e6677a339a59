#include "site.h"

#include <stdio.h>

/* Functions to be found in profiles. */
void site_allocates(void);
void site_waits(void);
void site_computes(void);

__attribute__((noinline)) void site_allocates(void) {
    __asm__ volatile("nop; nop");
}

__attribute__((noinline)) void site_waits(void) {
    __asm__ volatile("nop; nop; nop");
}

__attribute__((noinline)) void site_computes(void) {
    __asm__ volatile("nop; nop; nop; nop");
}

static uint32_t stack_in(struct fake *fake, void (*function)(void)) {
    return fake_stack(fake, 0, 2, (const uint64_t[]){(uint64_t)(uintptr_t)function, (uint64_t)(uintptr_t)site_start});
}

/* The sampler meets 200 ms of CPU time as soon as it runs. */
static void on_cpu(struct fake *fake) {
    if (!fake->buckets[0])
        fake_cpu(fake, stack_in(fake, site_computes), 101, 0, 0, 0);
}

static void fill(struct fake *fake) {
    fake_own_modules(fake);
    uint32_t allocates = stack_in(fake, site_allocates), waits = stack_in(fake, site_waits);
    fake_heap(fake, allocates, 1, 10, 10240, 4, 4096);
    fake_block(fake, waits, 3 << 16, 30000000);
    fake_mutex(fake, waits, 10 << 16, 50000000);
    struct segment_thread *worker = fake_thread(fake, 101, "worker-1", SEGMENT_THREAD_MUTEX);
    worker->reserved[0] = waits;
    worker->create_stack = allocates;
    fake_thread(fake, 100, "main", SEGMENT_THREAD_IO)->reserved[0] = waits;
    fake->on_cpu = on_cpu;
}

static void say(void *data, enum serve_log_level level, const char *message) {
    (void)data;
    fprintf(stderr, "%d: %s\n", (int)level, message);
}

int site_start(struct site *site) {
    char why[256];
    fake_make_full(&site->fake);
    fill(&site->fake);
    fake_control_start(&site->fake);
    int error = reader_new(site->fake.segment, site->fake.bytes, &site->reader);
    const struct serve_options options = {.reader = site->reader, .bind_address = "localhost", .log = say};
    if (!error)
        error = serve_start(&options, &site->serve, why, sizeof(why));
    if (!error)
        site->port = serve_port(site->serve);
    return error;
}

void site_stop(struct site *site) {
    serve_stop(site->serve);
    reader_free(site->reader);
    fake_control_stop(&site->fake);
    fake_free(&site->fake);
}
