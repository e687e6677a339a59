#include "symbols/symbols.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "symbols/answers.h"
#include "symbols/debug_info.h"
#include "symbols/eh_frame.h"
#include "symbols/limit.h"
#include "symbols/object.h"
#include "symbols/plt.h"
#include "symbols/query.h"
#include "symbols/store.h"
#include "symbols/symtab.h"

struct module {
    const char *path, *build_id; /* in the store */
    const void *image;
    struct answers answers; /* by the file's virtual address */
    struct symbols_coverage coverage;
};

struct symbols {
    pthread_mutex_t lock;
    struct store store;
    struct module *modules;
    size_t n_modules;
};

int symbols_new(struct symbols **ret) {
    struct symbols *symbols = calloc(1, sizeof *symbols);
    if (!symbols)
        return -ENOMEM;
    pthread_mutex_init(&symbols->lock, NULL);
    *ret = symbols;
    return 0;
}

void symbols_free(struct symbols *symbols) {
    if (!symbols)
        return;
    for (size_t i = 0; i < symbols->n_modules; i++)
        answers_done(&symbols->modules[i].answers);
    free(symbols->modules);
    store_done(&symbols->store);
    pthread_mutex_destroy(&symbols->lock);
    free(symbols);
}

static struct module *find_module(struct symbols *symbols, const struct symbols_module *wanted) {
    for (size_t i = 0; i < symbols->n_modules; i++) {
        struct module *module = &symbols->modules[i];
        if (module->image == wanted->image && strcmp(module->path, wanted->path) == 0 &&
            strcmp(module->build_id, wanted->build_id) == 0)
            return module;
    }
    return NULL;
}

static struct module *add_module(struct symbols *symbols, const struct symbols_module *wanted) {
    struct module module = {
        .path = store_string(&symbols->store, wanted->path),
        .build_id = store_string(&symbols->store, wanted->build_id),
        .image = wanted->image,
    };
    struct module *modules = reallocarray(symbols->modules, symbols->n_modules + 1, sizeof *modules);
    if (modules)
        symbols->modules = modules;
    if (!modules || !module.path || !module.build_id)
        return NULL;
    modules[symbols->n_modules] = module;
    return &modules[symbols->n_modules++];
}

static int compare_queries(const void *left, const void *right) {
    const struct query *a = left, *b = right;
    return a->address < b->address ? -1 : a->address > b->address;
}

/* The addresses without an answer, sorted, each once. */
static void collect_queries(const struct module *module, uint64_t bias, const uint64_t *addresses, size_t n,
                            struct query_list *ret) {
    ret->n = 0;
    for (size_t i = 0; i < n; i++)
        if (!answers_find(&module->answers, addresses[i] - bias))
            ret->items[ret->n++] = (struct query){.address = addresses[i] - bias, .file = ""};
    qsort(ret->items, ret->n, sizeof *ret->items, compare_queries);
    size_t n_unique = 0;
    for (size_t i = 0; i < ret->n; i++)
        if (i == 0 || ret->items[i].address != ret->items[n_unique - 1].address)
            ret->items[n_unique++] = ret->items[i];
    ret->n = n_unique;
}

static int ask_symbol_tables(const struct object *object, const struct eh_frame *boundaries, struct query_list *queries,
                             struct store *store) {
    int error = symtab_resolve(&object->file, SHT_SYMTAB, boundaries, queries, store);
    if (!error)
        error = symtab_resolve(&object->debug, SHT_SYMTAB, boundaries, queries, store);
    if (!error)
        error = symtab_resolve(&object->mini, SHT_SYMTAB, boundaries, queries, store);
    if (!error)
        error = symtab_resolve(&object->file, SHT_DYNSYM, boundaries, queries, store);
    if (!error)
        error = plt_resolve(&object->file, queries, store);
    return error;
}

static void find_start(const struct eh_frame *boundaries, struct query *query) {
    uint64_t end;
    if (query->symbol)
        query->function_start = query->symbol_start;
    else
        eh_frame_find(boundaries, query->address, &query->function_start, &end);
}

/* For what DWARF has no function for: the symbol, or the start of the function, or nothing. */
static int complete(const struct object *object, const char *path, struct query *query, struct store *store) {
    if (query->frames || (!query->symbol && !query->function_start && !query->file[0]))
        return 0;
    char boundary[OBJECT_NAME_BYTES];
    if (!query->symbol)
        object_name_address(object, path, query->function_start ? query->function_start : query->address, boundary);
    struct symbols_frame *frame = store_alloc(store, sizeof *frame);
    if (!frame)
        return -ENOMEM;
    *frame = (struct symbols_frame){.file = query->file, .line = query->line};
    query->frames = frame;
    query->n_frames = 1;
    return store_name(store, query->symbol ? query->symbol : boundary, &frame->system_name, &frame->name);
}

static int ask_object(const struct object *object, const char *path, struct query_list *queries, struct store *store,
                      struct symbols_coverage *coverage) {
    struct eh_frame boundaries;
    int error = eh_frame_open(&object->file, &boundaries);
    if (error)
        return error;
    error = ask_symbol_tables(object, &boundaries, queries, store);
    const struct elf_file *dwarf = object_dwarf(object);
    if (!error && dwarf)
        error = debug_info_resolve(dwarf, queries, store);
    for (size_t i = 0; !error && i < queries->n; i++) {
        struct query *query = &queries->items[i];
        coverage->has_functions |= query->frames || query->symbol;
        coverage->has_inline_frames |= query->frames != NULL;
        coverage->has_filenames |= query->file[0] != '\0';
        coverage->has_line_numbers |= query->line != 0;
        find_start(&boundaries, query);
        error = complete(object, path, query, store);
    }
    eh_frame_close(&boundaries);
    return error;
}

static int keep_answers(struct module *module, const struct query_list *queries, struct store *store) {
    for (size_t i = 0; i < queries->n; i++) {
        const struct query *query = &queries->items[i];
        struct symbols_answer answer = {
            .frames = query->frames, .n_frames = query->n_frames, .function_start = query->function_start};
        int error = answers_add(&module->answers, query->address, &answer, &store->bytes);
        if (error)
            return error;
    }
    return 0;
}

static int answer_queries(struct symbols *symbols, const struct symbols_module *wanted, struct module *module,
                          struct query_list *queries) {
    struct object object;
    struct symbols_coverage coverage = module->coverage;
    int error = object_open(wanted, &object);
    if (error == -ENOMEM)
        return error;
    if (!error) {
        error = ask_object(&object, module->path, queries, &symbols->store, &coverage);
        object_close(&object);
        if (error)
            return error;
        module->coverage = coverage;
    }
    return keep_answers(module, queries, &symbols->store);
}

static void copy_answers(const struct module *module, uint64_t bias, const uint64_t *addresses, size_t n,
                         struct symbols_answer *answers) {
    for (size_t i = 0; i < n; i++) {
        const struct symbols_answer *answer = answers_find(&module->answers, addresses[i] - bias);
        answers[i] = answer ? *answer : (struct symbols_answer){0};
        if (answers[i].function_start)
            answers[i].function_start += bias;
    }
}

static int resolve_locked(struct symbols *symbols, const struct symbols_module *wanted, const uint64_t *addresses,
                          size_t n, struct symbols_answer *answers, struct symbols_coverage *coverage) {
    struct module *module = find_module(symbols, wanted);
    if (!module)
        module = add_module(symbols, wanted);
    struct query_list queries = {.items = calloc(n ? n : 1, sizeof *queries.items)};
    _cleanup_free_ struct query *items = queries.items;
    if (!module || !items)
        return -ENOMEM;
    collect_queries(module, wanted->bias, addresses, n, &queries);
    if (queries.n > 0 && !store_full(&symbols->store)) {
        int error = answer_queries(symbols, wanted, module, &queries);
        if (error)
            return error;
    }
    copy_answers(module, wanted->bias, addresses, n, answers);
    if (coverage)
        *coverage = module->coverage;
    return 0;
}

int symbols_resolve(struct symbols *symbols, const struct symbols_module *module, const uint64_t *addresses, size_t n,
                    struct symbols_answer *answers, struct symbols_coverage *coverage) {
    pthread_mutex_lock(&symbols->lock);
    int error = resolve_locked(symbols, module, addresses, n, answers, coverage);
    pthread_mutex_unlock(&symbols->lock);
    return error;
}
