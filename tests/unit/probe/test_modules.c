/* Tables and module records while objects come and go. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "probe/control/modules.h"
#include "probe/handler/unwind_table.h"
#include "segment/segment.h"
#include "unwind_test.h"

#if defined(__x86_64__)
#define LOADER "/ld-linux-x86-64.so.2"
#else
#define LOADER "/ld-linux-aarch64.so.1"
#endif

typedef int plugin_call(int (*function)(void *), void *data);

static struct segment *new_segment(void) {
    struct segment *segment =
        mmap(NULL, segment_bytes(0), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_ptr_not_equal(segment, MAP_FAILED);
    segment_format(segment, 0, 1, 4096, 1, 1);
    return segment;
}

static void *load_plugin(plugin_call **ret) {
    void *plugin = dlopen(PLUGIN, RTLD_NOW);
    assert_non_null(plugin);
    *ret = (plugin_call *)(uintptr_t)dlsym(plugin, "plugin_call");
    assert_non_null(*ret);
    return plugin;
}

/* The record of a path that ends so; NULL none. */
static const struct segment_module *find(const struct segment *segment, const char *end) {
    const struct segment_module *records = segment_entries(segment, &segment->modules);
    for (uint32_t i = 0; i < segment->modules.count && records[i].seq; i++) {
        size_t length = strlen(records[i].path);
        if (length >= strlen(end) && !strcmp(records[i].path + length - strlen(end), end))
            return &records[i];
    }
    return NULL;
}

static size_t count_records(const struct segment *segment) {
    const struct segment_module *records = segment_entries(segment, &segment->modules);
    size_t n = 0;
    while (n < segment->modules.count && records[n].seq)
        n++;
    return n;
}

struct walked {
    uint64_t high;
    uint64_t pcs[64];
    unsigned n;
    bool complete;
};

static int walk_here(void *data) {
    struct walked *walked = data;
    ucontext_t context;
    getcontext(&context);
    walked->n = walk_context(&context, walked->high, walked->pcs, 64, &walked->complete);
    return 0;
}

static void walks_through_a_loaded_object_need_a_refresh(void **state) {
    (void)state;
    struct walked walked = {.high = stack_high()};
    plugin_call *call;
    assert_int_equal(modules_refresh(NULL), 0);
    void *plugin = load_plugin(&call);
    call(walk_here, &walked);
    assert_false(walked.complete); /* not known yet: ends at it */
    assert_int_equal(modules_refresh(NULL), 0);
    call(walk_here, &walked);
    assert_true(walked.complete);
    uint64_t plugin_pc = walked.pcs[1];
    assert_true(plugin_pc > (uint64_t)(uintptr_t)call && plugin_pc < (uint64_t)(uintptr_t)call + 100);
    dlclose(plugin);
    assert_int_equal(modules_refresh(NULL), 0);
    struct modules_stats stats;
    modules_stats(&stats);
    assert_int_equal(stats.pending, 0);
}

/* The same addresses, other frames: nothing that was known of the first may be used for the second. */
static void an_object_at_the_place_of_another_has_its_own_rules(void **state) {
    (void)state;
    struct walked walked = {.high = stack_high()};
    static const char *const paths[] = {PLUGIN, PLUGIN2};
    uint64_t last_pc = 0;
    size_t same_place = 0;
    for (size_t i = 0; i < 32; i++) {
        void *plugin = dlopen(paths[i % 2], RTLD_NOW);
        assert_non_null(plugin);
        plugin_call *call = (plugin_call *)(uintptr_t)dlsym(plugin, "plugin_call");
        assert_int_equal(modules_refresh(NULL), 0);
        call(walk_here, &walked);
        assert_true(walked.complete);
        same_place += walked.pcs[1] == last_pc;
        last_pc = walked.pcs[1];
        dlclose(plugin);
    }
    assert_int_equal(modules_refresh(NULL), 0);
    if (!same_place)
        skip();
}

static const char *last_part(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* The executable mapping of a file of that name as the kernel tells it: folders may have several paths. */
static void mapping_of(const char *path, uint64_t *start, uint64_t *limit, uint64_t *offset) {
    char line[1024], flags[8], name[512];
    FILE *maps = fopen("/proc/self/maps", "r");
    while (fgets(line, sizeof line, maps)) {
        name[0] = 0;
        sscanf(line, "%lx-%lx %7s %lx %*s %*s %511s", start, limit, flags, offset, name);
        if (flags[2] == 'x' && !strcmp(last_part(name), last_part(path)))
            break;
    }
    fclose(maps);
}

static void records_say_what_the_kernel_says(void **state) {
    (void)state;
    struct segment *segment = new_segment();
    assert_int_equal(modules_refresh(segment), 0);
    char self[512] = {0};
    assert_true(readlink("/proc/self/exe", self, sizeof self - 1) > 0);
    const char *const names[] = {self, "/libc.so.6", LOADER, "[vdso]"};
    size_t n = sizeof names / sizeof *names - !getauxval(AT_SYSINFO_EHDR);
    for (size_t i = 0; i < n; i++) {
        const struct segment_module *record = find(segment, names[i]);
        assert_non_null(record);
        uint64_t start = 0, limit = 0, offset = 0;
        char *real = *record->path == '/' ? realpath(record->path, NULL) : strdup(record->path);
        mapping_of(real, &start, &limit, &offset);
        free(real);
        assert_int_equal(record->start, start);
        assert_int_equal(record->limit, limit);
        assert_int_equal(record->offset, offset);
        assert_int_equal(record->gone_ns, 0);
        assert_int_equal(record->seq % 2, 0);
        assert_true(record->build_id_bytes > 0 || i == 0);
    }
    Dl_info info;
    struct link_map *map;
    assert_true(dladdr1((void *)(uintptr_t)dlopen, &info, (void **)&map, RTLD_DL_LINKMAP));
    assert_int_equal(find(segment, "/libc.so.6")->bias, map->l_addr);
    munmap(segment, segment_bytes(0));
}

static void record_of_an_unloaded_object_is_marked_and_taken_up_again(void **state) {
    (void)state;
    struct segment *segment = new_segment();
    plugin_call *call;
    for (int i = 0; i < 5; i++) {
        void *plugin = load_plugin(&call);
        assert_int_equal(modules_refresh(segment), 0);
        const struct segment_module *record = find(segment, "/plugin.so");
        assert_non_null(record);
        if ((uint64_t)(uintptr_t)call - record->start >= record->limit - record->start) {
            dlclose(plugin);
            skip(); /* the loader never puts it where it was */
        }
        assert_int_equal(record->gone_ns, 0);
        dlclose(plugin);
        assert_int_equal(modules_refresh(segment), 0);
        assert_true(find(segment, "/plugin.so")->gone_ns > 0);
    }
    assert_true(count_records(segment) < 20);
    munmap(segment, segment_bytes(0));
}

static void a_full_record_table_reuses_what_is_gone_and_counts_the_rest(void **state) {
    (void)state;
    struct segment *segment = new_segment();
    plugin_call *call;
    segment->modules.count = 2;
    assert_int_equal(modules_refresh(segment), 0);
    assert_true(segment->counters.lost_modules > 0);
    segment->modules.count = 1024;
    assert_int_equal(modules_refresh(segment), 0);
    segment->modules.count = (uint32_t)count_records(segment) + 1;
    void *plugin = load_plugin(&call);
    assert_int_equal(modules_refresh(segment), 0);
    dlclose(plugin);
    void *other = dlopen(PLUGIN2, RTLD_NOW);
    assert_non_null(other);
    assert_int_equal(modules_refresh(segment), 0);
    assert_non_null(find(segment, "/plugin2.so"));
    assert_null(find(segment, "/plugin.so"));
    dlclose(other);
    assert_int_equal(modules_refresh(segment), 0);
    munmap(segment, segment_bytes(0));
}

static void a_reader_inside_keeps_tables_until_it_leaves(void **state) {
    (void)state;
    struct modules_stats stats;
    plugin_call *call;
    void *plugin = load_plugin(&call);
    assert_int_equal(modules_refresh(NULL), 0);
    struct unwind_section section = unwind_enter();
    const struct unwind_index *index = unwind_current;
    uint32_t count = index->count;
    dlclose(plugin);
    assert_int_equal(modules_refresh(NULL), 0); /* gives up waiting */
    modules_stats(&stats);
    assert_true(stats.pending >= 2);
    assert_int_equal(index->count, count); /* still mapped */
    assert_int_equal(unwind_current->count, count - 1);
    unwind_leave(section);
    assert_int_equal(modules_refresh(NULL), 0);
    modules_stats(&stats);
    assert_int_equal(stats.pending, 0);
}

static void a_child_forgets_the_readers_of_its_parent(void **state) {
    (void)state;
    struct unwind_section section = unwind_enter();
    pid_t child = fork();
    if (!child) {
        unwind_reset_after_fork();
        _exit(modules_release() || modules_refresh(NULL) ? 1 : 0);
    }
    unwind_leave(section);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* In place of libc's: a fork at this very moment leaves the child what it was to leave it. */
static bool fork_at_unmapping;
static int forked, broken;

static void fork_here(void) {
    fork_at_unmapping = false;
    pid_t child = fork();
    if (!child) {
        modules_reset_after_fork(/* whole= */ false);
        _exit(unwind_current || modules_refresh(NULL) ? 1 : 0);
    }
    int status;
    broken += waitpid(child, &status, 0) != child || status != 0;
    forked++;
    fork_at_unmapping = true;
}

int munmap(void *memory, size_t bytes) {
    int error = (int)syscall(SYS_munmap, memory, bytes);
    if (fork_at_unmapping)
        fork_here();
    return error;
}

static void a_child_forked_in_the_middle_of_a_refresh_makes_its_own(void **state) {
    (void)state;
    assert_int_equal(modules_release(), 0);
    fork_at_unmapping = true;
    assert_int_equal(modules_refresh(NULL), 0);
    fork_at_unmapping = false;
    assert_true(forked > 3);
    assert_int_equal(broken, 0);
}

static void release_leaves_the_leaf_alone(void **state) {
    (void)state;
    struct walked walked = {.high = stack_high()};
    struct modules_stats stats;
    assert_int_equal(modules_refresh(NULL), 0);
    assert_int_equal(modules_release(), 0);
    modules_stats(&stats);
    assert_int_equal(stats.objects + stats.pending, 0);
    walk_here(&walked);
    assert_int_equal(walked.n, 1);
    assert_false(walked.complete);
    assert_int_equal(modules_refresh(NULL), 0);
    walk_here(&walked);
    assert_true(walked.complete);
}

/* ---- Walks while objects come and go -------------------------------------------------------------------------------*/
static atomic_bool stop;
static atomic_size_t walks, incomplete;

static void *walk_on(void *data) {
    (void)data;
    struct walked walked = {.high = stack_high()};
    while (!stop) {
        walk_here(&walked);
        walks++;
        incomplete += !walked.complete;
    }
    return NULL;
}

static void walks_go_on_while_objects_come_and_go(void **state) {
    (void)state;
    struct segment *segment = new_segment();
    pthread_t threads[2];
    plugin_call *call;
    assert_int_equal(modules_refresh(segment), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, walk_on, NULL), 0);
    struct walked walked = {.high = stack_high()};
    plugin_call *last = NULL;
    size_t places = 0;
    for (int i = 0; i < 100; i++) {
        void *plugin = load_plugin(&call);
        places += call != last;
        last = call;
        assert_int_equal(modules_refresh(segment), 0);
        call(walk_here, &walked);
        assert_true(walked.complete);
        dlclose(plugin);
        assert_int_equal(modules_refresh(segment), 0);
    }
    stop = true;
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    assert_true(walks > 100);
    assert_int_equal(incomplete, 0);
    assert_true(count_records(segment) < 20 + places);
    munmap(segment, segment_bytes(0));
}

/* A program that hangs inside of the loader must not take us with it. */
static int refresh_beside(struct dl_phdr_info *info, size_t size, void *data) {
    (void)info;
    (void)size;
    atomic_int *turn = data;
    atomic_store(turn, 1);
    for (int i = 0; i < 10000 && atomic_load(turn) == 1; i++)
        usleep(1000);
    return 1;
}

static void *refresh_on_turn(void *data) {
    atomic_int *turn = data;
    while (atomic_load(turn) == 0)
        usleep(100);
    modules_release();
    modules_refresh(NULL);
    atomic_store(turn, 2);
    return NULL;
}

static void the_lock_of_the_loader_is_not_waited_for(void **state) {
    (void)state;
    struct modules_stats stats;
    atomic_int turn = 0;
    pthread_t thread;
    pthread_create(&thread, NULL, refresh_on_turn, &turn);
    dl_iterate_phdr(refresh_beside, &turn); /* which holds that lock meanwhile */
    assert_int_equal(atomic_load(&turn), 2);
    pthread_join(thread, NULL);
    modules_stats(&stats);
    assert_true(stats.tables >= 2);
}

static int count_object(struct dl_phdr_info *info, size_t size, void *data) {
    (void)info;
    (void)size;
    ++*(unsigned *)data;
    return 0;
}

static void all_that_the_loader_has_is_seen(void **state) {
    (void)state;
    struct modules_stats stats;
    unsigned loaded = 0;
    assert_int_equal(modules_refresh(NULL), 0);
    modules_stats(&stats);
    dl_iterate_phdr(count_object, &loaded);
    assert_int_equal(stats.objects, loaded);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(walks_through_a_loaded_object_need_a_refresh),
        cmocka_unit_test(an_object_at_the_place_of_another_has_its_own_rules),
        cmocka_unit_test(records_say_what_the_kernel_says),
        cmocka_unit_test(record_of_an_unloaded_object_is_marked_and_taken_up_again),
        cmocka_unit_test(a_full_record_table_reuses_what_is_gone_and_counts_the_rest),
        cmocka_unit_test(a_reader_inside_keeps_tables_until_it_leaves),
        cmocka_unit_test(a_child_forgets_the_readers_of_its_parent),
        cmocka_unit_test(a_child_forked_in_the_middle_of_a_refresh_makes_its_own),
        cmocka_unit_test(release_leaves_the_leaf_alone),
        cmocka_unit_test(walks_go_on_while_objects_come_and_go),
        cmocka_unit_test(the_lock_of_the_loader_is_not_waited_for),
        cmocka_unit_test(all_that_the_loader_has_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
