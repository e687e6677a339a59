#include "report/html_graph.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/string_set.h"
#include "report/calltree.h"
#include "report/views.h"

static void add_types(struct json_writer *json, const struct report_phase *phase,
                      const struct report_options *options) {
    const struct profile *profile = phase->profile;
    struct view views[VIEWS_MAX];
    json_write_string(json, "name", phase->name);
    json_write_integer(json, "shown", views_of(phase, options, views) > 0 ? views[0].sample_type : 0);
    json_write_open(json, "types", '[');
    for (uint32_t i = 0; i < profile->n_sample_types; i++) {
        json_write_open(json, NULL, '{');
        json_write_string(json, "type", profile->sample_types[i].type);
        json_write_string(json, "unit", profile->sample_types[i].unit);
        json_write_integer(json, "total", table_whole(profile, i));
        json_write_close(json, '{');
    }
    json_write_close(json, '[');
}

/* Of each function, by its first line: what it is called, and where it is. */
static void add_functions(struct json_writer *json, const struct frames *frames) {
    json_write_open(json, "names", '[');
    for (uint32_t i = 0; i < frames->n_lines; i++)
        if (i == 0 || frames->lines[i].function != frames->lines[i - 1].function)
            json_write_string(json, NULL, frames->lines[i].name);
    json_write_close(json, '[');
    json_write_open(json, "places", '[');
    for (uint32_t i = 0; i < frames->n_lines; i++)
        if (i == 0 || frames->lines[i].function != frames->lines[i - 1].function)
            json_write_string(json, NULL, frames->lines[i].file);
    json_write_close(json, '[');
}

static void add_nodes(struct json_writer *json, const struct calltree *tree) {
    json_write_open(json, "parents", '[');
    for (uint32_t i = 0; i < tree->n_nodes; i++)
        json_write_integer(json, NULL, tree->nodes[i].parent);
    json_write_close(json, '[');
    json_write_open(json, "functions", '[');
    for (uint32_t i = 0; i < tree->n_nodes; i++)
        json_write_integer(json, NULL, tree->nodes[i].function);
    json_write_close(json, '[');
}

/* "worker-3 (4711)", as far as the sample says. */
static uint32_t thread_of(const struct profile_sample *sample, struct string_set *threads) {
    const char *name = "", *id = "";
    char both[256];
    for (uint32_t i = 0; i < sample->n_labels; i++) {
        const struct profile_label *label = &sample->labels[i];
        if (label->string && strcmp(label->key, "thread_name") == 0)
            name = label->string;
        else if (label->string && strcmp(label->key, "thread id") == 0)
            id = label->string;
    }
    int size = snprintf(both, sizeof(both), *id && *name ? "%.200s (%.40s)" : "%.200s%.40s", name, id);
    return string_set_add(threads, both, (size_t)size);
}

/* The first `n_types` values of each. */
static int add_samples(struct json_writer *json, const struct profile *profile, uint32_t n_types,
                       const struct calltree *tree) {
    struct string_set threads = {0};
    int error = 0;
    json_write_open(json, "samples", '[');
    for (size_t i = 0; i < profile->n_samples && !error; i++) {
        const struct profile_sample *sample = &profile->samples[i];
        if (tree->node_of[i] == CALLTREE_NONE)
            continue;
        uint32_t thread = thread_of(sample, &threads);
        error = thread == HASH_NONE ? -ENOMEM : 0;
        json_write_integer(json, NULL, tree->node_of[i]);
        json_write_integer(json, NULL, thread);
        for (uint32_t j = 0; j < n_types; j++)
            json_write_integer(json, NULL, sample->values[j]);
    }
    json_write_close(json, '[');
    json_write_open(json, "threads", '[');
    for (uint32_t i = 0; i < threads.n_entries; i++)
        json_write_string(json, NULL, threads.entries[i].text);
    json_write_close(json, '[');
    string_set_done(&threads);
    return error;
}

/* What follows the types: the tree and what is in it. */
static int add_tree(struct json_writer *json, const struct profile *profile, uint32_t n_types,
                    const struct filter *filter) {
    struct stacks stacks;
    struct calltree tree;
    int error = stacks_make(profile, filter, &stacks);
    if (error)
        return error;
    error = calltree_build(&stacks, &tree);
    if (!error) {
        add_functions(json, &stacks.frames);
        add_nodes(json, &tree);
        error = add_samples(json, profile, n_types, &tree);
        calltree_done(&tree);
    }
    stacks_done(&stacks);
    return error;
}

int html_add_graph(struct json_writer *json, const struct report_phase *phase, const struct report_options *options) {
    json_write_open(json, "graph", '{');
    add_types(json, phase, options);
    int error = add_tree(json, phase->profile, phase->profile->n_sample_types, &options->filter);
    json_write_close(json, '{');
    return error;
}

int html_add_diff_graph(struct json_writer *json, const struct diff *diff, const struct diff_report *report) {
    static const char *const names[] = {"before", "after"};
    json_write_open(json, "graph", '{');
    json_write_string(json, "name", diff->type->type);
    json_write_integer(json, "shown", 1);
    json_write_open(json, "types", '[');
    for (uint32_t i = 0; i < 2; i++) {
        json_write_open(json, NULL, '{');
        json_write_string(json, "type", names[i]);
        json_write_string(json, "unit", diff->type->unit);
        json_write_integer(json, "total", diff->totals[i]);
        json_write_number(json, "divided_by", diff->exposures[i]);
        json_write_close(json, '{');
    }
    json_write_close(json, '[');
    int error = add_tree(json, diff->pair, 2, &report->filter);
    json_write_close(json, '{');
    return error;
}
