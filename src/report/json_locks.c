#include <string.h>

#include "report/json_parts.h"
#include "report/locks.h"

#define SITES_MAX 8u /* on each side of a lock */

static void add_sites(struct json_writer *json, const char *key, const struct sites *sites) {
    json_write_open(json, key, '[');
    for (size_t i = 0; i < sites->n && i < SITES_MAX; i++) {
        json_write_open(json, NULL, '{');
        json_write_integer(json, "delay", sites->rows[i].value);
        json_write_integer(json, "contentions", sites->rows[i].count);
        json_write_string(json, "function", sites->rows[i].function);
        json_write_string(json, "file", sites->rows[i].file);
        json_write_integer(json, "line", sites->rows[i].line);
        json_write_close(json, '{');
    }
    json_write_close(json, '[');
}

static const struct profile *find(const struct report_run *run, const char *name) {
    for (size_t i = 0; i < run->n_phases; i++)
        if (strcmp(run->phases[i].name, name) == 0)
            return run->phases[i].profile;
    return NULL;
}

int json_add_locks(struct json_writer *json, const struct report_run *run, const struct report_options *options) {
    struct locks locks;
    int error = locks_build(find(run, "mutex"), find(run, "block"), &options->filter, &locks);
    if (error)
        return error;
    json_write_open(json, "locks", '[');
    for (size_t i = 0; i < locks.n; i++) {
        const struct lock *lock = &locks.items[i];
        json_write_open(json, NULL, '{');
        json_write_string(json, "lock", lock->name);
        json_write_integer(json, "held_ns", lock->holders.value);
        json_write_integer(json, "waited_ns", lock->waiters.value);
        add_sites(json, "held_in", &lock->holders);
        add_sites(json, "waited_for_in", &lock->waiters);
        json_write_close(json, '{');
    }
    json_write_close(json, '[');
    locks_done(&locks);
    return 0;
}
