#include "reader/places.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "reader/internal.h"

int places_init(const struct reader *reader, struct places *ret) {
    *ret = (struct places){.reader = reader};
    int error = modules_take(&reader->view, &ret->modules);
    if (error)
        return error;
    size_t n = ret->modules.n ? ret->modules.n : 1;
    ret->coverage = calloc(n, sizeof(*ret->coverage));
    ret->mappings = malloc(n * sizeof(*ret->mappings));
    if (!ret->coverage || !ret->mappings)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        ret->mappings[i] = PROFILE_NONE;
    return 0;
}

void places_done(struct places *places) {
    modules_done(&places->modules);
    free(places->coverage);
    free(places->mappings);
    free(places->list);
    hash_table_done(&places->table);
    *places = (struct places){0};
}

static uint32_t hash_address(uint64_t address) {
    return hash_end(hash_word(hash_seed(), address));
}

struct place *places_at(const struct places *places, uint64_t address) {
    uint32_t hash = hash_address(address), index;
    size_t at = hash;
    while ((index = hash_table_next(&places->table, hash, &at)) != HASH_NONE)
        if (places->list[index].address == address)
            return &places->list[index];
    return NULL;
}

static int make_room(struct places *places) {
    if (places->n < places->space)
        return 0;
    size_t space = places->space ? 2 * places->space : 256;
    struct place *list = reallocarray(places->list, space, sizeof(*list));
    if (!list)
        return -ENOMEM;
    places->list = list;
    places->space = space;
    return 0;
}

static int add(struct places *places, uint64_t address) {
    if (places_at(places, address))
        return 0; /* stacks share most of their addresses */
    int error = make_room(places);
    if (!error)
        error = hash_table_insert(&places->table, hash_address(address), (uint32_t)places->n);
    if (!error)
        places->list[places->n++] = (struct place){.address = address, .location = PROFILE_NONE};
    return error;
}

int places_add_stack(struct places *places, const struct view_stack *stack) {
    int error = 0;
    for (uint32_t i = 0; i < stack->n_frames && !error; i++)
        error = add(places, stack->pcs[i]);
    return error;
}

static int by_address(const void *left, const void *right) {
    const struct place *a = left, *b = right;
    return a->address < b->address ? -1 : a->address > b->address;
}

/* Modules are ranges of addresses: sorted, each one's places stand together. */
static int sort(struct places *places) {
    if (places->n)
        qsort(places->list, places->n, sizeof(*places->list), by_address);
    hash_table_done(&places->table);
    int error = 0;
    for (size_t i = 0; i < places->n && !error; i++)
        error = hash_table_insert(&places->table, hash_address(places->list[i].address), (uint32_t)i);
    return error;
}

/* Ask for places[first..end), which lie in one module. */
static int resolve_run(struct places *places, size_t first, size_t end) {
    const struct module *module = &places->modules.list[places->list[first].module];
    size_t n = end - first;
    _cleanup_free_ uint64_t *addresses = calloc(n, sizeof(*addresses));
    _cleanup_free_ struct symbols_answer *answers = calloc(n, sizeof(*answers));
    if (!addresses || !answers)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        addresses[i] = places->list[first + i].address;
    struct symbols_module asked = reader_symbols_module(places->reader, module);
    struct symbols_coverage *coverage = &places->coverage[places->list[first].module];
    int error = symbols_resolve(places->reader->symbols, &asked, addresses, n, answers, coverage);
    for (size_t i = 0; i < n && !error; i++)
        places->list[first + i].answer = answers[i];
    return error;
}

int places_resolve(struct places *places) {
    int error = sort(places);
    if (error)
        return error;
    for (size_t i = 0; i < places->n; i++)
        places->list[i].module = modules_find(&places->modules, places->list[i].address);
    for (size_t first = 0, end; first < places->n; first = end) {
        uint32_t module = places->list[first].module;
        for (end = first + 1; end < places->n && places->list[end].module == module;)
            end++;
        error = module == MODULES_NONE ? 0 : resolve_run(places, first, end);
        if (error)
            return error;
    }
    return 0;
}

void places_fallback_name(const struct places *places, const struct place *place, char ret[PLACES_NAME_BYTES]) {
    if (place->module == MODULES_NONE) {
        snprintf(ret, PLACES_NAME_BYTES, "0x%" PRIx64, place->address);
        return;
    }
    const struct module *module = &places->modules.list[place->module];
    const char *slash = strrchr(module->path, '/');
    snprintf(ret, PLACES_NAME_BYTES, "%s+0x%" PRIx64, slash ? slash + 1 : module->path, place->address - module->bias);
}

static uint32_t mapping(struct places *places, struct profile *profile, uint32_t index) {
    if (index == MODULES_NONE)
        return PROFILE_NONE;
    if (places->mappings[index] == PROFILE_NONE) {
        const struct module *module = &places->modules.list[index];
        const struct symbols_coverage *coverage = &places->coverage[index];
        places->mappings[index] = profile_add_mapping(profile, &(struct profile_mapping){
                                                                   .start = module->start,
                                                                   .limit = module->limit,
                                                                   .offset = module->offset,
                                                                   .file = module->path,
                                                                   .build_id = module->build_id,
                                                                   .has_functions = coverage->has_functions,
                                                                   .has_filenames = coverage->has_filenames,
                                                                   .has_line_numbers = coverage->has_line_numbers,
                                                                   .has_inline_frames = coverage->has_inline_frames,
                                                               });
    }
    return places->mappings[index];
}

void places_add_main_mapping(struct places *places, struct profile *profile) {
    mapping(places, profile, places->modules.main);
}

static uint32_t add_named(struct profile *profile, struct profile_location *location,
                          const struct symbols_answer *answer) {
    _cleanup_free_ struct profile_line *lines = calloc(answer->n_frames, sizeof(*lines));
    if (!lines)
        return PROFILE_NONE;
    for (uint32_t i = 0; i < answer->n_frames; i++) {
        const struct symbols_frame *frame = &answer->frames[i];
        lines[i].line = frame->line;
        lines[i].function = profile_add_function(profile, &(struct profile_function){
                                                              .name = frame->name,
                                                              .system_name = frame->system_name,
                                                              .filename = frame->file,
                                                              .start_line = frame->start_line,
                                                          });
        if (lines[i].function == PROFILE_NONE)
            return PROFILE_NONE;
    }
    location->lines = lines;
    location->n_lines = answer->n_frames;
    return profile_add_location(profile, location);
}

uint32_t places_location(struct places *places, struct profile *profile, uint64_t address) {
    struct place *place = places_at(places, address);
    if (!place)
        return PROFILE_NONE;
    if (place->location != PROFILE_NONE)
        return place->location;
    char name[PLACES_NAME_BYTES];
    places_fallback_name(places, place, name);
    const struct symbols_answer nothing = {
        .frames = &(struct symbols_frame){.name = name, .system_name = name, .file = ""},
        .n_frames = 1,
    };
    struct profile_location location = {
        .mapping = mapping(places, profile, place->module),
        .address = address,
        .function_start = place->answer.function_start,
    };
    place->location = add_named(profile, &location, place->answer.n_frames ? &place->answer : &nothing);
    return place->location;
}
