#include "probe/control/modules.h"

#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "probe/control/control.h"
#include "probe/control/eh_frame.h"
#include "probe/control/eh_frame_copy.h"
#include "probe/control/loaded.h"
#include "probe/control/peek.h"
#include "probe/handler/probe.h"
#include "probe/handler/unwind_arch.h"
#include "probe/handler/unwind_table.h"

#define OBJECTS_MAX 4096u /* with those that wait to be freed; more get no table */
#define QUIET_TURNS 200u  /* of QUIET_TURN_NS: how long readers are waited for */
#define QUIET_TURN_NS 100000
#define NOTES_BYTES_MAX 1024u
#define SALT_STEP 0xd1342543de82ef95ull /* odd: salts don't repeat */

enum object_state { OBJECT_FREE, OBJECT_LOADED, OBJECT_GONE /* unloaded; its table waits for the readers */ };

struct object {
    enum object_state state;
    bool seen;       /* in the present enumeration */
    uint32_t record; /* in segment->modules, plus one; 0 none */
    uint64_t bias;
    uint64_t start, limit, offset; /* of the executable mapping */
    uint64_t fingerprint;          /* of an object without build id: tells a rebuilt one from its predecessor */
    uint32_t build_id_bytes;
    uint8_t build_id[SEGMENT_BUILD_ID_BYTES];
    char path[SEGMENT_PATH_BYTES];
    struct eh_frame_table table; /* all 0: none */
};

/* An index and what is needed to free it. */
struct index_mapping {
    struct index_mapping *next; /* retired before this one */
    size_t bytes;
    struct unwind_index *index; /* behind this struct */
};

static struct {
    struct object *objects;
    uint32_t n_objects; /* slots that were ever used */
    bool outdated;      /* the index: there was no memory for a new one */
    struct index_mapping *index, *retired;
    uint64_t n_indexes; /* ever made */
} state;

/* A refresh and a fork keep out of each other's way, without a lock: nobody waits to fork. */
static uint32_t refreshing, forking; /* A; forking counts */

/* False when control is to end meanwhile: who ends it may be who the fork waits for, in a handler of the program's. */
static bool begin_refresh(void) {
    for (;;) {
        __atomic_store_n(&refreshing, 1, __ATOMIC_SEQ_CST);
        if (!__atomic_load_n(&forking, __ATOMIC_SEQ_CST))
            return true;
        __atomic_store_n(&refreshing, 0, __ATOMIC_SEQ_CST);
        if (control_is_ending())
            return false;
        nanosleep(&(struct timespec){.tv_nsec = QUIET_TURN_NS}, NULL);
    }
}

static void end_refresh(void) {
    __atomic_store_n(&refreshing, 0, __ATOMIC_SEQ_CST);
}

bool modules_before_fork(void) {
    __atomic_fetch_add(&forking, 1, __ATOMIC_SEQ_CST);
    return !__atomic_load_n(&refreshing, __ATOMIC_SEQ_CST);
}

void modules_after_fork(void) {
    __atomic_fetch_sub(&forking, 1, __ATOMIC_SEQ_CST);
}

static void *map(size_t bytes) {
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

static void never_run(void) {
}

/* Where the stacks of makecontext() begin. libc describes that function as if it had a caller; where it is shows in a
 * context made for the purpose, which finds its address where a return address would be. */
static uint64_t coroutine_root(void) {
    _Alignas(16) static uint64_t stack[16];
    static ucontext_t context;
    if (getcontext(&context))
        return 0;
    context.uc_stack.ss_sp = stack;
    context.uc_stack.ss_size = sizeof stack;
    context.uc_link = NULL;
    makecontext(&context, never_run, 0);
    return unwind_made_return(&context);
}

/* ---- What the loader tells of an object ----------------------------------------------------------------------------*/
struct description {
    struct object object;
    struct eh_frame_place frames;
};

static void describe_code(const ElfW(Phdr) * segment, struct object *object) {
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t start = (object->bias + segment->p_vaddr) & ~(page - 1);
    uint64_t limit = (object->bias + segment->p_vaddr + segment->p_memsz + page - 1) & ~(page - 1);
    if (!object->limit) {
        object->start = start;
        object->offset = segment->p_offset & ~(page - 1);
    }
    if (limit > object->limit)
        object->limit = limit;
}

/* The GNU build id among the notes of [at, end). */
static void describe_notes(const uint8_t *at, const uint8_t *end, struct object *object) {
    while ((size_t)(end - at) >= sizeof(ElfW(Nhdr))) {
        ElfW(Nhdr) note;
        memcpy(&note, at, sizeof note);
        at += sizeof note;
        uint64_t name_bytes = ((uint64_t)note.n_namesz + 3) & ~3ull, bytes = ((uint64_t)note.n_descsz + 3) & ~3ull;
        if (name_bytes + bytes > (uint64_t)(end - at))
            return;
        if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == sizeof "GNU" && !memcmp(at, "GNU", sizeof "GNU") &&
            note.n_descsz <= SEGMENT_BUILD_ID_BYTES) {
            memcpy(object->build_id, at + name_bytes, note.n_descsz);
            object->build_id_bytes = note.n_descsz;
            return;
        }
        at += name_bytes + bytes;
    }
}

static void describe_build_id(const ElfW(Phdr) * segment, struct object *object) {
    uint8_t notes[NOTES_BYTES_MAX];
    size_t bytes = segment->p_memsz < sizeof notes ? segment->p_memsz : sizeof notes;
    bytes = peek(object->bias + segment->p_vaddr, notes, bytes);
    describe_notes(notes, notes + bytes, object);
}

/* Where the program was when it started: it may have gone to another folder or root when it is looked at. */
static struct { char program[SEGMENT_PATH_BYTES], folder[SEGMENT_PATH_BYTES]; } start;

void modules_keep_start(void) {
    if (start.program[0]) /* a fork child */
        return;
    ssize_t length = readlink("/proc/self/exe", start.program, sizeof start.program - 1);
    start.program[length > 0 ? length : 0] = 0;
    if (!getcwd(start.folder, sizeof start.folder))
        start.folder[0] = 0;
}

/* What is asked for by a relative name is taken from the folder of the moment; of the first refresh, that of the start. */
static size_t describe_folder(char path[SEGMENT_PATH_BYTES]) {
    if (!state.n_indexes && start.folder[0])
        memcpy(path, start.folder, sizeof start.folder);
    else if (!getcwd(path, SEGMENT_PATH_BYTES))
        return 0;
    size_t length = strlen(path);
    if (length < SEGMENT_PATH_BYTES - 1)
        path[length++] = '/';
    return length;
}

static void describe_path(const char *name, struct object *object) {
    if (!*name) {
        modules_keep_start();
        name = start.program;
    }
    bool relative = *name && *name != '/' && *name != '[';
    size_t at = relative ? describe_folder(object->path) : 0, size = sizeof object->path;
    size_t length = strnlen(name, size - 1 - at);
    memcpy(object->path + at, name, length);
    object->path[at + length] = 0;
}

/* Where its call frame information is: in a segment with other constants. */
static void describe_frames(const struct loaded_object *loaded, const ElfW(Phdr) * frames,
                            struct description *description) {
    for (unsigned i = 0; i < loaded->n_segments; i++) {
        const ElfW(Phdr) *segment = &loaded->segments[i];
        if (segment->p_type != PT_LOAD || !(segment->p_flags & PF_R) ||
            frames->p_vaddr - segment->p_vaddr >= segment->p_filesz)
            continue;
        description->frames.header = loaded->bias + frames->p_vaddr;
        description->frames.header_bytes = frames->p_memsz;
        description->frames.low = loaded->bias + segment->p_vaddr;
        description->frames.high = description->frames.low + segment->p_filesz;
    }
}

/* False for what has no code. */
static bool describe(const struct loaded_object *loaded, struct description *ret) {
    struct object *object = &ret->object;
    const ElfW(Phdr) *frames = NULL;
    unsigned n_code = 0;
    memset(ret, 0, sizeof *ret);
    object->bias = loaded->bias;
    for (unsigned i = 0; i < loaded->n_segments; i++) {
        const ElfW(Phdr) *segment = &loaded->segments[i];
        if (segment->p_type == PT_LOAD && (segment->p_flags & PF_X)) {
            describe_code(segment, object);
            ret->frames.code_readable = segment->p_flags & PF_R && n_code++ == 0; /* no holes */
        } else if (segment->p_type == PT_GNU_EH_FRAME) {
            frames = segment;
        } else if (segment->p_type == PT_NOTE && !object->build_id_bytes) {
            describe_build_id(segment, object);
        }
    }
    if (!object->limit)
        return false;
    describe_path(loaded->name, object);
    ret->frames.code_start = object->start;
    ret->frames.code_limit = object->limit;
    if (frames)
        describe_frames(loaded, frames, ret);
    if (!object->build_id_bytes)
        object->fingerprint = eh_frame_fingerprint(&ret->frames);
    return true;
}

static bool same_object(const struct object *a, const struct object *b) {
    return a->bias == b->bias && a->start == b->start && a->limit == b->limit && a->offset == b->offset &&
           a->fingerprint == b->fingerprint && a->build_id_bytes == b->build_id_bytes &&
           !memcmp(a->build_id, b->build_id, a->build_id_bytes) && !strcmp(a->path, b->path);
}

/* ---- Enumeration ---------------------------------------------------------------------------------------------------*/
struct enumeration {
    uint64_t root; /* coroutine_root() */
    bool changed;
};

static struct object *free_slot(void) {
    for (uint32_t i = 0; i < state.n_objects; i++)
        if (state.objects[i].state == OBJECT_FREE)
            return &state.objects[i];
    return state.n_objects < OBJECTS_MAX ? &state.objects[state.n_objects++] : NULL;
}

static void take_in(struct description *description, struct enumeration *enumeration) {
    for (uint32_t i = 0; i < state.n_objects; i++) {
        struct object *object = &state.objects[i];
        if (object->state == OBJECT_LOADED && !object->seen && same_object(object, &description->object)) {
            object->seen = true;
            return;
        }
    }
    struct object *object = free_slot();
    if (!object)
        return;
    *object = description->object;
    object->state = OBJECT_LOADED;
    object->seen = enumeration->changed = true;
    if (enumeration->root >= object->start && enumeration->root < object->limit)
        description->frames.root = enumeration->root;
    /* An object without a table is a normal thing: its frames are guessed with care or the walk ends there. */
    if (description->frames.header)
        eh_frame_compile_copy(&description->frames, &object->table);
}

static void visit(const struct loaded_object *loaded, void *data) {
    struct description description;
    if (describe(loaded, &description))
        take_in(&description, data);
}

/* Whether anything is not what it was. */
static bool enumerate(void) {
    struct enumeration enumeration = {.root = coroutine_root()};
    for (uint32_t i = 0; i < state.n_objects; i++)
        state.objects[i].seen = false;
    if (!loaded_each(visit, &enumeration))
        __atomic_store_n(&probe.modules_stale, PROBE_STALE, __ATOMIC_RELEASE);
    for (uint32_t i = 0; i < state.n_objects; i++)
        if (state.objects[i].state == OBJECT_LOADED && !state.objects[i].seen) {
            state.objects[i].state = OBJECT_GONE;
            enumeration.changed = true;
        }
    return enumeration.changed;
}

/* ---- Records in the segment ----------------------------------------------------------------------------------------*/
static struct segment_module *record_at(struct segment *segment, uint32_t i) {
    return (struct segment_module *)segment_entries(segment, &segment->modules) + i;
}

/* Before it is looked at: control alone does, in order, and takes the first that is free. */
static void use_record(const struct segment *segment, const struct segment_module *record) {
    segment_use_part(segment_entries(segment, &segment->parts),
                     (uint64_t)((const char *)record - (const char *)segment));
}

static bool is_record_of(const struct segment_module *record, const struct object *object) {
    return record->seq && record->start == object->start && record->limit == object->limit &&
           record->offset == object->offset && record->bias == object->bias &&
           record->build_id_bytes == object->build_id_bytes &&
           !memcmp(record->build_id, object->build_id, object->build_id_bytes) && !strcmp(record->path, object->path);
}

/* For a new object: its own from an earlier life, else a fresh one, else that of the object that is gone for longest;
 * when all are loaded NULL. */
static struct segment_module *find_record(struct segment *segment, const struct object *object) {
    struct segment_module *fresh = NULL, *oldest = NULL;
    for (uint32_t i = 0; i < segment->modules.count; i++) {
        struct segment_module *record = record_at(segment, i);
        use_record(segment, record);
        if (!record->seq) {
            fresh = record;
            break; /* they are used in order */
        }
        if (record->gone_ns && is_record_of(record, object))
            return record;
        if (record->gone_ns && (!oldest || record->gone_ns < oldest->gone_ns))
            oldest = record;
    }
    return fresh ? fresh : oldest;
}

static void write_record(struct segment_module *record, const struct object *object, uint64_t gone_ns) {
    uint64_t seq = __atomic_load_n(&record->seq, __ATOMIC_RELAXED);
    __atomic_store_n(&record->seq, seq + 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE);
    record->start = object->start;
    record->limit = object->limit;
    record->offset = object->offset;
    record->bias = object->bias;
    record->gone_ns = gone_ns;
    record->build_id_bytes = object->build_id_bytes;
    memcpy(record->build_id, object->build_id, sizeof record->build_id);
    memcpy(record->path, object->path, sizeof record->path);
    __atomic_store_n(&record->seq, seq + 2, __ATOMIC_RELEASE);
}

static void publish_object(struct segment *segment, struct object *object, uint64_t now_ns) {
    struct segment_module *record =
        object->record && object->record <= segment->modules.count ? record_at(segment, object->record - 1) : NULL;
    if (record && !is_record_of(record, object))
        record = NULL; /* another segment than the last time's */
    if (object->state == OBJECT_GONE) {
        if (record && !record->gone_ns)
            write_record(record, object, now_ns);
        return;
    }
    if (record && !record->gone_ns)
        return;
    record = find_record(segment, object);
    if (!record) {
        __atomic_fetch_add(&segment->counters.lost_modules, 1, __ATOMIC_RELAXED);
        return;
    }
    write_record(record, object, 0);
    object->record = (uint32_t)(record - record_at(segment, 0)) + 1;
}

static void publish(struct segment *segment) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    uint64_t now_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    /* Those gone first: a new object may need the record of one. */
    for (uint32_t i = 0; i < state.n_objects; i++)
        if (state.objects[i].state == OBJECT_GONE)
            publish_object(segment, &state.objects[i], now_ns);
    for (uint32_t i = 0; i < state.n_objects; i++)
        if (state.objects[i].state == OBJECT_LOADED)
            publish_object(segment, &state.objects[i], now_ns);
}

/* ---- The index -----------------------------------------------------------------------------------------------------*/
static void insert_sorted(struct unwind_index *index, struct unwind_object object) {
    uint32_t i = index->count++;
    for (; i && index->objects[i - 1].start > object.start; i--)
        index->objects[i] = index->objects[i - 1];
    index->objects[i] = object;
}

static struct index_mapping *build_index(void) {
    size_t bytes =
        sizeof(struct index_mapping) + sizeof(struct unwind_index) + state.n_objects * sizeof(struct unwind_object);
    struct index_mapping *mapping = map(bytes);
    if (!mapping)
        return NULL;
    mapping->bytes = bytes;
    mapping->index = (struct unwind_index *)(mapping + 1);
    mapping->index->salt = ++state.n_indexes * SALT_STEP;
    for (uint32_t i = 0; i < state.n_objects; i++)
        if (state.objects[i].state == OBJECT_LOADED && state.objects[i].table.mapping)
            insert_sorted(mapping->index, state.objects[i].table.object);
    for (uint32_t i = 0; i + 1 < mapping->index->count; i++) { /* the last block of one may reach into the next one */
        struct unwind_object *object = &mapping->index->objects[i];
        if (object[1].start - object->start < object->bytes)
            object->bytes = object[1].start - object->start;
    }
    return mapping;
}

static void swap_index(struct index_mapping *mapping) {
    __atomic_store_n(&unwind_current, mapping ? mapping->index : NULL, __ATOMIC_SEQ_CST);
    __atomic_store_n(&unwind_salt, mapping ? mapping->index->salt : 0, __ATOMIC_SEQ_CST);
    if (state.index) {
        state.index->next = state.retired;
        state.retired = state.index;
    }
    state.index = mapping;
}

static bool slot_is_quiet(uint32_t slot, unsigned *turns) {
    while (__atomic_load_n(&unwind_readers.inside[slot], __ATOMIC_SEQ_CST)) {
        if (*turns == 0)
            return false;
        --*turns;
        nanosleep(&(struct timespec){.tv_nsec = QUIET_TURN_NS}, NULL);
    }
    return true;
}

/* Whether every walk that could have seen an older index has ended. Twice: a reader may have read the phase before a step
 * and count itself in after it. */
static bool readers_left(void) {
    unsigned turns = QUIET_TURNS;
    for (int i = 0; i < 2; i++) {
        uint32_t old = __atomic_fetch_add(&unwind_readers.phase, 1, __ATOMIC_SEQ_CST) & 1;
        if (!slot_is_quiet(old, &turns))
            return false;
    }
    return true;
}

static bool anything_pending(void) {
    for (uint32_t i = 0; i < state.n_objects; i++)
        if (state.objects[i].state == OBJECT_GONE)
            return true;
    return state.retired;
}

/* Only after swap_index() put an index in force that knows nothing of what is gone. */
static bool free_pending(void) {
    if (!anything_pending())
        return true;
    if (!readers_left())
        return false;
    while (state.retired) {
        struct index_mapping *mapping = state.retired;
        state.retired = mapping->next;
        munmap(mapping, mapping->bytes);
    }
    for (uint32_t i = 0; i < state.n_objects; i++)
        if (state.objects[i].state == OBJECT_GONE) {
            eh_frame_table_done(&state.objects[i].table);
            state.objects[i] = (struct object){.state = OBJECT_FREE};
        }
    return true;
}

static int refresh(struct segment *segment) {
    if (!state.objects && !(state.objects = map(OBJECTS_MAX * sizeof(struct object))))
        return -ENOMEM;
    state.outdated |= enumerate();
    eh_frame_release_scratch();
    if (segment)
        publish(segment);
    if (state.outdated) {
        struct index_mapping *mapping = build_index();
        if (!mapping)
            return -ENOMEM;
        swap_index(mapping);
        state.outdated = false;
    }
    free_pending();
    return 0;
}

int modules_refresh(struct segment *segment) {
    if (!begin_refresh()) {
        __atomic_store_n(&probe.modules_stale, PROBE_STALE, __ATOMIC_RELEASE);
        return -EINTR;
    }
    int error = refresh(segment);
    end_refresh();
    return error;
}

int modules_release(void) {
    swap_index(NULL);
    state.outdated = true;
    for (uint32_t i = 0; i < state.n_objects; i++)
        if (state.objects[i].state == OBJECT_LOADED)
            state.objects[i].state = OBJECT_GONE;
    return free_pending() ? 0 : -EBUSY;
}

void modules_reset_after_fork(bool whole) {
    refreshing = forking = 0;
    if (whole)
        return;
    /* What the kernel copied while it was being written is in no state at all. */
    __atomic_store_n(&unwind_salt, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&unwind_current, NULL, __ATOMIC_RELAXED);
    uint64_t n_indexes = state.n_indexes; /* or the cache of rules would take a new index for an old one */
    memset(&state, 0, sizeof state);
    state.n_indexes = n_indexes;
}

void modules_stats(struct modules_stats *ret) {
    *ret = (struct modules_stats){0};
    for (const struct index_mapping *index = state.retired; index; index = index->next)
        ret->pending++;
    for (uint32_t i = 0; i < state.n_objects; i++) {
        const struct object *object = &state.objects[i];
        ret->objects += object->state == OBJECT_LOADED;
        ret->pending += object->state == OBJECT_GONE;
        if (object->state != OBJECT_LOADED || !object->table.mapping)
            continue;
        ret->tables++;
        ret->table_bytes += object->table.mapping_bytes;
        ret->source_bytes += object->table.source_bytes;
        ret->functions += object->table.functions;
        ret->rows += object->table.rows;
        ret->rules += object->table.rules;
    }
}
