#include "fake.h"

#include <assert.h>
#include <elf.h>
#include <limits.h>
#include <link.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"

#define TABLE(fake, name, type) ((type *)segment_entries((fake)->segment, &(fake)->segment->name))

enum { CPU, HEAP, BLOCK, MUTEX };

static void map(struct fake *fake, size_t bytes) {
    fake->bytes = bytes;
    fake->segment = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert(fake->segment != MAP_FAILED);
}

static void set_clocks(struct segment *segment) {
    segment->mem_profile_rate_bytes = 512 * 1024;
    segment->block_rate_ns = 1000;
    segment->mutex_fraction = 10;
    segment->cpu_period_ns = 10000000;
}

static uint64_t place(struct segment_table *table, uint64_t cursor, uint32_t count, size_t stride) {
    cursor = (cursor + SEGMENT_SHARED_ALIGN - 1) & ~(uint64_t)(SEGMENT_SHARED_ALIGN - 1);
    *table = (struct segment_table){.offset = cursor, .count = count, .stride = (uint32_t)stride};
    return cursor + count * stride;
}

static uint64_t place_all(struct segment *segment) {
    uint64_t cursor = sizeof(*segment);
    cursor = place(&segment->threads, cursor, FAKE_ENTRIES, sizeof(struct segment_thread));
    cursor = place(&segment->modules, cursor, FAKE_ENTRIES, sizeof(struct segment_module));
    cursor = place(&segment->stack_slots, cursor, FAKE_ENTRIES, sizeof(segment_stack_slot));
    cursor = place(&segment->stack_words, cursor, FAKE_STACK_WORDS, sizeof(uint64_t));
    cursor = place(&segment->cpu, cursor, FAKE_ENTRIES, sizeof(struct segment_cpu_bucket));
    cursor = place(&segment->heap, cursor, FAKE_ENTRIES, sizeof(struct segment_heap_bucket));
    cursor = place(&segment->block, cursor, FAKE_ENTRIES, sizeof(struct segment_wait_bucket));
    cursor = place(&segment->mutex, cursor, FAKE_ENTRIES, sizeof(struct segment_wait_bucket));
    cursor = place(&segment->live, cursor, FAKE_ENTRIES, sizeof(struct segment_live));
    cursor = place(&segment->parts, cursor, (uint32_t)(cursor >> SEGMENT_PART_SHIFT) / 64 + 1, sizeof(uint64_t));
    cursor = place(&segment->string_slots, cursor, FAKE_ENTRIES, sizeof(segment_string_slot));
    cursor = place(&segment->string_bytes, cursor, FAKE_STRING_BYTES, 1);
    cursor = (cursor + SEGMENT_TRACE_CHUNK_BYTES - 1) & ~(uint64_t)(SEGMENT_TRACE_CHUNK_BYTES - 1);
    return place(&segment->trace_chunks, cursor, FAKE_CHUNKS, sizeof(struct segment_trace_chunk));
}

static void *use(struct fake *fake, void *entry) {
    segment_use_part(TABLE(fake, parts, uint64_t), (uint64_t)((char *)entry - (char *)fake->segment));
    return entry;
}

void fake_make(struct fake *fake) {
    struct segment sizes = {0};
    *fake = (struct fake){0};
    map(fake, place_all(&sizes));
    struct segment *segment = fake->segment;
    segment_format(segment, SEGMENT_TRACE_BYTES_MIN, (uint32_t)getpid(), 4096, clock_monotonic_ns(),
                   clock_realtime_ns());
    segment->total_bytes = place_all(segment);
    set_clocks(segment);
}

void fake_make_full(struct fake *fake) {
    *fake = (struct fake){0};
    map(fake, segment_bytes(0));
    segment_format(fake->segment, 0, (uint32_t)getpid(), 4096, clock_monotonic_ns(), clock_realtime_ns());
    set_clocks(fake->segment);
}

void fake_free(struct fake *fake) {
    munmap(fake->segment, fake->bytes);
}

uint32_t fake_stack(struct fake *fake, uint16_t flags, uint16_t n, const uint64_t *pcs) {
    assert(fake->words + 1 + n <= fake->segment->stack_words.count);
    uint64_t *words = TABLE(fake, stack_words, uint64_t) + fake->words;
    *(struct segment_stack *)(void *)words = (struct segment_stack){.n_frames = n, .flags = flags};
    memcpy(words + 1, pcs, n * sizeof(*pcs));
    uint32_t id = fake->words + 1;
    fake->words += 1u + n;
    fake->segment->counters.stack_words = fake->words;
    fake->segment->counters.stacks++;
    return id;
}

uint32_t fake_string(struct fake *fake, const void *bytes, uint8_t size) {
    uint8_t *to = TABLE(fake, string_bytes, uint8_t) + fake->string_bytes;
    to[0] = size;
    memcpy(to + 1, bytes, size);
    fake->string_bytes += size + 1u;
    return fake->string_bytes - size;
}

struct segment_heap_bucket *fake_heap(struct fake *fake, uint32_t stack, uint64_t rate, uint64_t allocs, uint64_t bytes,
                                      uint64_t frees, uint64_t freed) {
    struct segment_heap_bucket *bucket =
        use(fake, &TABLE(fake, heap, struct segment_heap_bucket)[fake->buckets[HEAP]++]);
    *bucket = (struct segment_heap_bucket){
        .rate = rate,
        .alloc_count = allocs,
        .alloc_bytes = bytes,
        .free_count = frees,
        .free_bytes = freed,
    };
    __atomic_store_n(&bucket->key, stack | 1ull << 32, __ATOMIC_RELEASE);
    return bucket;
}

static struct segment_wait_bucket *add_wait(struct segment_wait_bucket *bucket, uint32_t stack, uint64_t count_q16,
                                            uint64_t ns) {
    *bucket = (struct segment_wait_bucket){.count_q16 = count_q16, .ns = ns};
    __atomic_store_n(&bucket->key, stack, __ATOMIC_RELEASE);
    return bucket;
}

struct segment_wait_bucket *fake_block(struct fake *fake, uint32_t stack, uint64_t count_q16, uint64_t ns) {
    return add_wait(use(fake, &TABLE(fake, block, struct segment_wait_bucket)[fake->buckets[BLOCK]++]), stack,
                    count_q16, ns);
}

struct segment_wait_bucket *fake_mutex(struct fake *fake, uint32_t stack, uint64_t count_q16, uint64_t ns) {
    return add_wait(use(fake, &TABLE(fake, mutex, struct segment_wait_bucket)[fake->buckets[MUTEX]++]), stack,
                    count_q16, ns);
}

struct segment_cpu_bucket *fake_cpu(struct fake *fake, uint32_t stack, uint32_t tid, uint32_t thread, uint64_t count,
                                    uint64_t ns) {
    struct segment_cpu_bucket *bucket = use(fake, &TABLE(fake, cpu, struct segment_cpu_bucket)[fake->buckets[CPU]++]);
    *bucket = (struct segment_cpu_bucket){.count = count, .ns = ns, .thread = thread};
    __atomic_store_n(&bucket->key, segment_cpu_key(stack, tid, /* labels= */ 0), __ATOMIC_RELEASE);
    return bucket;
}

struct segment_thread *fake_thread(struct fake *fake, uint32_t tid, const char *name, uint32_t state) {
    struct segment_thread *thread = use(fake, &TABLE(fake, threads, struct segment_thread)[fake->threads++]);
    *thread = (struct segment_thread){.state = state};
    strncpy(thread->name, name, sizeof(thread->name) - 1);
    __atomic_store_n(&thread->tid, tid, __ATOMIC_RELEASE);
    return thread;
}

struct segment_module *fake_module(struct fake *fake, uint64_t start, uint64_t limit, const char *path) {
    struct segment_module *module = use(fake, &TABLE(fake, modules, struct segment_module)[fake->modules++]);
    *module = (struct segment_module){.start = start, .limit = limit};
    strncpy(module->path, path, sizeof(module->path) - 1);
    __atomic_store_n(&module->seq, 2, __ATOMIC_RELEASE);
    return module;
}

static void read_build_id(const struct dl_phdr_info *info, const ElfW(Phdr) * header, struct segment_module *module) {
    const char *note = (const char *)info->dlpi_addr + header->p_vaddr, *end = note + header->p_memsz;
    while (note + sizeof(ElfW(Nhdr)) <= end) {
        const ElfW(Nhdr) *head = (const void *)note;
        const char *name = note + sizeof(*head), *content = name + ((head->n_namesz + 3) & ~3u);
        if (head->n_type == NT_GNU_BUILD_ID && head->n_descsz <= sizeof(module->build_id)) {
            memcpy(module->build_id, content, head->n_descsz);
            module->build_id_bytes = head->n_descsz;
        }
        note = content + ((head->n_descsz + 3) & ~3u);
    }
}

static int add_module(struct dl_phdr_info *info, size_t size, void *data) {
    (void)size;
    struct fake *fake = data;
    char path[SEGMENT_PATH_BYTES] = "";
    if (*info->dlpi_name)
        strncpy(path, info->dlpi_name, sizeof(path) - 1);
    else if (!fake->modules && readlink("/proc/self/exe", path, sizeof(path) - 1) < 0)
        return 0;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        if (header->p_type != PT_LOAD || !(header->p_flags & PF_X) || !*path)
            continue;
        uint64_t start = (info->dlpi_addr + header->p_vaddr) & ~4095ull;
        uint64_t limit = (info->dlpi_addr + header->p_vaddr + header->p_memsz + 4095) & ~4095ull;
        struct segment_module *module = fake_module(fake, start, limit, strstr(path, "linux-vdso") ? "[vdso]" : path);
        module->offset = header->p_offset & ~4095ull;
        module->bias = info->dlpi_addr;
        for (int j = 0; j < info->dlpi_phnum; j++)
            if (info->dlpi_phdr[j].p_type == PT_NOTE)
                read_build_id(info, &info->dlpi_phdr[j], module);
    }
    return 0;
}

void fake_own_modules(struct fake *fake) {
    dl_iterate_phdr(add_module, fake);
}

static void serve_cpu(struct fake *fake) {
    struct segment *segment = fake->segment;
    struct segment_mailbox *mailbox = &segment->mailbox;
    bool wanted = __atomic_load_n(&mailbox->cpu_users, __ATOMIC_ACQUIRE) > 0;
    if (wanted && !mailbox->cpu_ready_epoch) {
        __atomic_add_fetch(&segment->cpu_epoch, 1, __ATOMIC_RELEASE);
        if (mailbox->cpu_hz)
            segment->cpu_period_ns = 1000000000ull / mailbox->cpu_hz;
        if (fake->on_cpu)
            fake->on_cpu(fake);
        __atomic_store_n(&mailbox->cpu_ready_epoch, segment->cpu_epoch, __ATOMIC_RELEASE);
    } else if (!wanted) {
        __atomic_store_n(&mailbox->cpu_ready_epoch, 0, __ATOMIC_RELEASE);
    }
}

static void serve_dump(struct fake *fake) {
    struct segment_mailbox *mailbox = &fake->segment->mailbox;
    uint64_t wanted = __atomic_load_n(&mailbox->dump_wanted, __ATOMIC_ACQUIRE);
    struct segment_thread *threads = TABLE(fake, threads, struct segment_thread);
    for (uint32_t i = 0; i < fake->threads; i++) {
        threads[i].dump_state = threads[i].state;
        threads[i].dump_since_ns = threads[i].state_since_ns;
        threads[i].dump_stack = (uint32_t)threads[i].reserved[0];
        __atomic_store_n(&threads[i].dump_seq, wanted, __ATOMIC_RELEASE);
    }
    __atomic_store_n(&mailbox->dump_done, wanted, __ATOMIC_RELEASE);
}

static void *control_main(void *data) {
    struct fake *fake = data;
    struct segment_mailbox *mailbox = &fake->segment->mailbox;
    while (__atomic_load_n(&fake->control_runs, __ATOMIC_ACQUIRE)) {
        uint32_t wake = __atomic_load_n(&mailbox->wake, __ATOMIC_ACQUIRE);
        if (!__atomic_load_n(&fake->silent, __ATOMIC_ACQUIRE)) {
            serve_cpu(fake);
            serve_dump(fake);
            __atomic_store_n(&mailbox->refresh_done, __atomic_load_n(&mailbox->refresh_wanted, __ATOMIC_ACQUIRE),
                             __ATOMIC_RELEASE);
            __atomic_add_fetch(&mailbox->done, 1, __ATOMIC_RELEASE);
            syscall(SYS_futex, &mailbox->done, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
        }
        const struct timespec timeout = {.tv_nsec = 50 * 1000 * 1000};
        syscall(SYS_futex, &mailbox->wake, FUTEX_WAIT, wake, &timeout, NULL, 0);
    }
    return NULL;
}

void fake_control_start(struct fake *fake) {
    fake->control_runs = 1;
    int error = pthread_create(&fake->control, NULL, control_main, fake);
    assert(!error);
    (void)error;
}

void fake_control_stop(struct fake *fake) {
    __atomic_store_n(&fake->control_runs, 0, __ATOMIC_RELEASE);
    pthread_join(fake->control, NULL);
}
