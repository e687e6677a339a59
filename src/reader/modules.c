#include "reader/modules.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int by_start(const void *left, const void *right) {
    const struct module *a = left, *b = right;
    if (a->start != b->start)
        return a->start < b->start ? -1 : 1;
    return a->record < b->record ? -1 : a->record > b->record;
}

static void fill(const struct segment_module *shared, uint32_t record, struct module *module) {
    *module = (struct module){
        .start = shared->start,
        .limit = shared->limit,
        .offset = shared->offset,
        .bias = shared->bias,
        .gone_ns = shared->gone_ns,
        .record = record,
    };
    memcpy(module->path, shared->path, sizeof(module->path));
    for (uint32_t i = 0; i < shared->build_id_bytes; i++)
        snprintf(&module->build_id[2 * (size_t)i], 3, "%02x", (unsigned)shared->build_id[i]);
}

int modules_take(const struct view *view, struct modules *ret) {
    struct modules modules = {.main = MODULES_NONE};
    modules.list = calloc(view->modules.count ? view->modules.count : 1, sizeof(*modules.list));
    if (!modules.list)
        return -ENOMEM;
    for (uint32_t i = 0; i < view->modules.count; i++) {
        struct segment_module shared;
        if (view_module(view, i, &shared))
            fill(&shared, i, &modules.list[modules.n++]);
    }
    qsort(modules.list, modules.n, sizeof(*modules.list), by_start);
    for (uint32_t i = 0; i < modules.n; i++)
        if (modules.list[i].record == 0)
            modules.main = i;
    *ret = modules;
    return 0;
}

void modules_done(struct modules *modules) {
    free(modules->list);
    *modules = (struct modules){0};
}

static bool holds(const struct module *module, uint64_t address) {
    return address >= module->start && address < module->limit;
}

uint32_t modules_find(const struct modules *modules, uint64_t address) {
    uint32_t low = 0, high = modules->n; /* the first that starts above the address */
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (modules->list[middle].start <= address)
            low = middle + 1;
        else
            high = middle;
    }
    /* What is loaded does not overlap, but what is gone may lie anywhere before. */
    uint32_t gone = MODULES_NONE;
    for (uint32_t i = low; i-- > 0;) {
        const struct module *module = &modules->list[i];
        if (!holds(module, address))
            continue;
        if (!module->gone_ns)
            return i;
        if (gone == MODULES_NONE || module->gone_ns > modules->list[gone].gone_ns)
            gone = i;
    }
    return gone;
}
